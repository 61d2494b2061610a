"""Tickets: the bytes that docs/internals/interfaces.md promises, and everything that can be wrong with them."""

import hashlib
import hmac
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpool.errors import NotAllowed
from gpool.security.tickets import Ticket, TicketVgpu, open_ticket, seal_ticket
from stage.values import gpu_uuid

KEY = bytes(range(32))
TICKET = Ticket("node-a", "l-7k3m9q", 1_000, 1_600, (TicketVgpu(gpu_uuid("a", 0), 8 << 30, 500),))


def test_the_bytes_are_those_of_the_page() -> None:
    sealed = seal_ticket(TICKET, KEY)
    assert len(sealed) == 88 + 32 + 32
    assert sealed[0:4] == b"GPT1"
    assert struct.unpack_from("<HH", sealed, 4) == (1, 1)
    assert sealed[8:40] == b"node-a".ljust(32, b"\0")
    assert sealed[40:72] == b"l-7k3m9q".ljust(32, b"\0")
    assert struct.unpack_from("<QQ", sealed, 72) == (1_000, 1_600)
    assert sealed[88:104].hex() == gpu_uuid("a", 0)[4:].replace("-", "")
    assert struct.unpack_from("<QII", sealed, 104) == (8 << 30, 500, 0)
    assert sealed[120:] == hmac.new(KEY, sealed[:120], hashlib.sha256).digest()


@given(st.integers(1, 64), st.integers(0, (1 << 63) - 1), st.integers(1, 1000))
def test_a_ticket_says_what_was_sealed(vgpus: int, memory_bytes: int, permille: int) -> None:
    made = tuple(TicketVgpu(gpu_uuid("a", index), memory_bytes, permille) for index in range(vgpus))
    ticket = Ticket("n" * 31, "l-" + "z" * 29, 0, (1 << 64) - 1, made)
    assert open_ticket(seal_ticket(ticket, KEY), KEY, "n" * 31, 5) == ticket


@pytest.mark.parametrize(
    ("key", "node", "now_s", "sentence"),
    [
        (bytes(32), "node-a", 1_100, "signature does not match"),
        (KEY, "node-b", 1_100, "is for node node-a, this is node-b"),
        (KEY, "node-a", 1_600, "expired 0 s ago"),
    ],
)
def test_each_wrong_use_has_its_own_sentence(key: bytes, node: str, now_s: float, sentence: str) -> None:
    with pytest.raises(NotAllowed, match=sentence):
        open_ticket(seal_ticket(TICKET, KEY), key, node, now_s)


@given(st.integers(min_value=0, max_value=151), st.integers(min_value=1, max_value=255))
def test_no_byte_can_be_changed(position: int, flip: int) -> None:
    sealed = bytearray(seal_ticket(TICKET, KEY))
    sealed[position] ^= flip
    with pytest.raises(NotAllowed):
        open_ticket(bytes(sealed), KEY, "node-a", 1_100)


@given(st.binary(max_size=300))
def test_garbage_is_no_ticket(garbage: bytes) -> None:
    with pytest.raises(NotAllowed):
        open_ticket(garbage, KEY, "node-a", 1_100)


@pytest.mark.parametrize("length", [0, 1, 119, 151])
def test_a_ticket_that_was_cut_is_none(length: int) -> None:
    with pytest.raises(NotAllowed):
        open_ticket(seal_ticket(TICKET, KEY)[:length], KEY, "node-a", 1_100)


@pytest.mark.parametrize(
    "ticket",
    [
        Ticket("n" * 32, "l-2", 0, 1, TICKET.vgpus),
        Ticket("", "l-2", 0, 1, TICKET.vgpus),
        Ticket("a", "l-2", 0, 1, ()),
        Ticket("a", "l-2", 0, 1, TICKET.vgpus * 65),
        Ticket("a", "l-2", 0, 1, (TicketVgpu("GPU-12", 1, 1),)),
    ],
)
def test_what_does_not_fit_is_not_sealed(ticket: Ticket) -> None:
    with pytest.raises(ValueError, match=r"."):
        seal_ticket(ticket, KEY)
