"""Sizes as people write them. On the path of `gpool run`: no pydantic here."""

import re

from gpool.errors import InvalidSize

__all__ = ["format_bytes", "parse_compute_permille", "parse_memory_bytes"]

_BINARY = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DECIMAL = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}

_MEMORY = re.compile(
    r"\s*(?P<number>\d{1,15}(?:\.\d{1,6})?)\s*(?P<unit>[kmgt]?)(?P<kind>ib|b)?\s*", re.IGNORECASE | re.ASCII
)
_COMPUTE = re.compile(r"\s*(?P<number>\d{1,3}(?:\.\d)?)\s*%?\s*", re.ASCII)


def parse_memory_bytes(text: str) -> int:
    """`8GiB`, `8G` (the same), `512M`, `1.5GiB`, `8GB` (decimal), or plain bytes, as a whole number of bytes.

    Raises `InvalidSize` for anything else, for nothing at all, and for what does not fit 63 bits.
    """
    match = _MEMORY.fullmatch(text)
    forms = "write 8GiB, 512M or 1.5G (powers of 1024), 8GB (powers of 1000), or plain bytes"
    if match is None:
        raise InvalidSize(f"'{text}' is not a memory size; {forms}")
    unit, kind = match["unit"].lower(), (match["kind"] or "").lower()
    if kind == "ib" and not unit:
        raise InvalidSize(f"'{text}' is not a memory size; {forms}")
    scale = _DECIMAL[unit] if unit and kind == "b" else _BINARY[unit]
    whole, _, fraction = match["number"].partition(".")
    size_bytes: int = int(whole) * scale + int(fraction or 0) * scale // 10 ** len(fraction)
    if not 0 < size_bytes < 1 << 63:
        raise InvalidSize(f"'{text}' is {'no memory at all' if size_bytes == 0 else 'more than 8 EiB'}; {forms}")
    return size_bytes


def parse_compute_permille(text: str) -> int:
    """`50%`, `50` or `12.5%` of a GPU's compute as permille, 1 to 1000. Raises `InvalidSize` for anything else."""
    match = _COMPUTE.fullmatch(text)
    forms = "write a percentage of one GPU from 0.1% to 100%, such as 50% or 12.5%"
    if match is None:
        raise InvalidSize(f"'{text}' is not a share of compute; {forms}")
    whole, _, tenth = match["number"].partition(".")
    permille = int(whole) * 10 + int(tenth or 0)
    if not 1 <= permille <= 1000:
        raise InvalidSize(f"'{text}' is out of range; {forms}")
    return permille


def format_bytes(size_bytes: int) -> str:
    """A size for people, in the largest binary unit that gives at least 1: `8 GiB`, `1.5 GiB`, `700 MiB`, `12 B`."""
    for unit, scale in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size_bytes >= scale:
            return f"{size_bytes / scale:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size_bytes} B"
