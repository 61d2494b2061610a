"""Lists in pages: `limit` and `cursor` in, `items` and `next` out.

A cursor names the last thing of the page before, not a position. So things that come and go meanwhile neither shift
a page nor repeat in it: what was there all the time is seen exactly once.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from gpool.errors import InvalidInput
from gpool.model.pages import Page

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "Asked",
    "AskedPage",
    "page_in_order",
    "page_of",
    "timed_key",
    "timed_key_parts",
    "whole_number_key",
]

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

_LONGEST_NUMBER = 18
"""Digits; so many fit into 64 bits."""

_NOT_OURS = "the cursor is not one of this list's; take `next` of the page before, or leave it out"

T = TypeVar("T")
V = TypeVar("V")


class AskedPage:
    """Which page somebody wants."""

    def __init__(self, limit: int, cursor: str | None) -> None:
        self.limit = limit
        self.after = None if cursor is None else _opened(cursor)
        """The key of the last thing on the page before; None for the first page."""

    def page(self, items: Iterable[V], last: str | None) -> Page[V]:
        """The answer. last: key of its last item if there are more."""
        return Page(items=tuple(items), next=None if last is None else _sealed(last))


async def _asked(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most so many items.")] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None, Query(max_length=512, description="`next` of the page before; without it, the first page.")
    ] = None,
) -> AskedPage:
    return AskedPage(limit, cursor)


Asked = Annotated[AskedPage, Depends(_asked)]


def page_of(asked: AskedPage, things: Iterable[T], key: Callable[[T], str], view: Callable[[T], V]) -> Page[V]:
    """One page of `things`, in the order of their keys; only what is on it is viewed."""
    rest = sorted(
        ((name, thing) for thing in things if (name := key(thing)) > (asked.after or "")), key=lambda pair: pair[0]
    )
    shown = rest[: asked.limit]
    return asked.page((view(thing) for _, thing in shown), shown[-1][0] if len(rest) > len(shown) else None)


def page_in_order(asked: AskedPage, things: Sequence[T], key: Callable[[T], str]) -> Page[T]:
    """One page of `things` in the order that they have. Raises `InvalidInput` when the one to go on behind is gone."""
    keys = [key(thing) for thing in things]
    if asked.after is not None and asked.after not in keys:
        raise InvalidInput("what the last page ended with is no longer in the list; begin anew, without the cursor")
    start = 0 if asked.after is None else keys.index(asked.after) + 1
    end = start + asked.limit
    return asked.page(things[start:end], keys[end - 1] if end < len(things) else None)


def timed_key(at_s: float, name: str) -> str:
    """A key that sorts by time, then by name. at_s: seconds since the epoch."""
    return f"{at_s:020.6f} {name}"


def timed_key_parts(key: str | None) -> tuple[float, str] | None:
    """The time (seconds) and the name in such a key. Raises `InvalidInput` for another list's."""
    if key is None:
        return None
    at_s, _, name = key.partition(" ")
    try:
        return float(at_s), name
    except ValueError:
        raise InvalidInput(_NOT_OURS) from None


def whole_number_key(key: str | None) -> int | None:
    """The number that a key is, such as an id of the database. Raises `InvalidInput` for another list's."""
    if key is None:
        return None
    if not (key.isascii() and key.isdecimal() and len(key) <= _LONGEST_NUMBER):
        raise InvalidInput(_NOT_OURS)
    return int(key)


def _sealed(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).rstrip(b"=").decode()


def _opened(cursor: str) -> str:
    try:
        key = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True).decode()
        if key and "\0" not in key:
            return key
    except (binascii.Error, ValueError):
        pass
    raise InvalidInput(_NOT_OURS)
