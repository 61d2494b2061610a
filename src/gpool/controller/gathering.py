"""Calls that arrive while one is being carried out are carried out together: one transaction for all of them."""

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from gpool.errors import GpoolError

__all__ = ["Gathering"]

A = TypeVar("A")
R = TypeVar("R")


class Gathering(Generic[A, R]):
    """Carries out what it is called with, in that order, at most `most` at once.

    `carry_out` returns a result or the caller's own error for each; what it raises, all of them get. Whoever comes
    first is carried out at once and alone; nobody waits for company.
    """

    def __init__(self, carry_out: Callable[[Sequence[A]], Awaitable[Sequence[R | GpoolError]]], most: int) -> None:
        self._carry_out = carry_out
        self._most = most
        self._waiting: deque[tuple[A, asyncio.Future[R]]] = deque()
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, item: A) -> R:
        """The result for this item. A caller that is cancelled goes without it: the item may be carried out."""
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._task is None:
            # In a context of its own: what the first caller has in its context does not hold for the others.
            self._task = asyncio.create_task(self._work(), context=contextvars.Context())
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                together = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                together = [(item, future) for item, future in together if not future.done()]
                await self._carry_out_all(together)
        finally:
            self._task = None
            for _, future in self._waiting:  # only when this task was cancelled
                future.cancel()
            self._waiting.clear()

    async def _carry_out_all(self, together: Sequence[tuple[A, asyncio.Future[R]]]) -> None:
        try:
            results = await self._carry_out([item for item, _ in together])
        except Exception as error:
            for _, future in together:
                if not future.done():
                    future.set_exception(error)
            return
        except BaseException:
            for _, future in together:
                future.cancel()
            raise
        for (_, future), result in zip(together, results, strict=True):
            if future.done():
                continue
            if isinstance(result, GpoolError):
                future.set_exception(result)
            else:
                future.set_result(result)
