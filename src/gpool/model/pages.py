"""Lists in pages."""

from typing import Generic, TypeVar

from gpool.model.base import Model

__all__ = ["Page"]

T = TypeVar("T")


class Page(Model, Generic[T]):
    """A part of a list, in the list's order."""

    items: tuple[T, ...]
    next: str | None = None
    """What to give as `cursor` for the next page; null on the last one."""
