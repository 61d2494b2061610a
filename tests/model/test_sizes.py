"""Sizes as people write them."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpool.errors import InvalidSize
from gpool.model.sizes import format_bytes, parse_compute_permille, parse_memory_bytes


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("8GiB", 8 << 30),
        ("8G", 8 << 30),
        ("8g", 8 << 30),
        ("8GB", 8 * 10**9),
        ("512M", 512 << 20),
        ("512 MiB", 512 << 20),
        ("1.5G", 3 << 29),
        ("0.5T", 1 << 39),
        ("4096", 4096),
        ("4096B", 4096),
        (" 2k ", 2048),
    ],
)
def test_memory_sizes(text: str, size_bytes: int) -> None:
    assert parse_memory_bytes(text) == size_bytes


@pytest.mark.parametrize(
    "text",
    ["", "G", "8GG", "8 gigs", "-1G", "1e9", "0", "0.0G", "8iB", "nan", "9999999999999999T", "８G", "8,5G", "1G\n2G"],
)
def test_what_is_no_memory_size_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(InvalidSize, match="8GiB, 512M") as refusal:
        parse_memory_bytes(text)
    assert f"'{text}'" in str(refusal.value)


@pytest.mark.parametrize(("text", "permille"), [("50%", 500), ("50", 500), ("12.5%", 125), ("100", 1000), ("0.1%", 1)])
def test_compute_shares(text: str, permille: int) -> None:
    assert parse_compute_permille(text) == permille


@pytest.mark.parametrize("text", ["", "%", "0", "0%", "101%", "-5", "half", "12.55%", "1000"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InvalidSize, match="such as 50%"):
        parse_compute_permille(text)


@given(st.integers(min_value=1, max_value=(1 << 50) - 1))
def test_printed_sizes_can_be_read_again_and_are_nearly_the_same(size_bytes: int) -> None:
    again = parse_memory_bytes(format_bytes(size_bytes))
    assert abs(again - size_bytes) <= size_bytes * 0.06


@given(st.text(max_size=20))
def test_no_text_makes_the_parser_fail_in_another_way(text: str) -> None:
    with contextlib.suppress(InvalidSize):
        assert parse_memory_bytes(text) > 0
