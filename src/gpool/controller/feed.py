"""What changed in the pool, in order: a bounded memory of the last changes, each with a number.

Whoever watches keeps its place in it. There is no buffer for each watcher, so a slow one costs nothing; one that falls
behind the memory's end is told so, and looks at everything anew.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from gpool.model.lease import Lease
from gpool.model.node import Node

__all__ = ["Change", "Feed", "Removed", "Thing", "TooLate"]

_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Change:
    """A lease or a node as it is after a change, or that it is no more."""

    number: int
    what: "Thing"


@dataclass(frozen=True, slots=True)
class Removed:
    """A node that is not part of the pool any more."""

    node: str


Thing = Lease | Node | Removed


class TooLate(Exception):  # noqa: N818 - an ordinary answer, not an error
    """The changes from there on are not all remembered."""


class Feed:
    """The changes since this controller leads."""

    def __init__(self, run: str, kept: int = _KEPT) -> None:
        self.run = run
        """Names this feed among those of other controllers, and of this one when it led before."""
        self.last = 0
        """Number of the last change."""
        self._kept: deque[Change] = deque(maxlen=kept)
        self._more = asyncio.Event()
        self.watching = 0
        """How many watch now."""

    def publish(self, what: Thing) -> None:
        """Remember a change."""
        self.last += 1
        self._kept.append(Change(self.last, what))
        if self.watching:
            self._more.set()

    def wake(self) -> None:
        """Let everybody who waits look again."""
        self._more.set()

    def since(self, number: int, most: int) -> Sequence[Change]:
        """The changes after that number, the oldest first, at most so many. Raises `TooLate`."""
        behind = self.last - number
        if number < 0 or behind < 0 or behind > len(self._kept):
            raise TooLate
        first = len(self._kept) - behind
        return [self._kept[place] for place in range(first, min(first + most, len(self._kept)))]

    async def wait(self, number: int, timeout_s: float) -> None:
        """Return when there is something after that number, when somebody calls `wake`, or when the time is over."""
        if self.last > number:
            return
        # All waiters share one event. The first that runs clears it; the others have been released by then.
        self._more.clear()
        try:
            async with asyncio.timeout(timeout_s):
                await self._more.wait()
        except TimeoutError:
            return
