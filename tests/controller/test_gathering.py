"""Calls that arrive together are carried out together, and each gets its own result."""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

import pytest

from gpool.controller.gathering import Gathering
from gpool.errors import GpoolError, InvalidInput, Unavailable


class _Work:
    """Carries out one batch when it is told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.go = asyncio.Semaphore(0)
        self.gathering = Gathering(self._carry_out, 3)

    async def _carry_out(self, numbers: Sequence[int]) -> list[int | GpoolError]:
        self.batches.append(list(numbers))
        await self.go.acquire()
        if 13 in numbers:
            raise Unavailable("no database")
        return [InvalidInput(f"{number} is odd") if number % 2 else number * 10 for number in numbers]


async def _started(work: _Work, *numbers: int) -> list[asyncio.Task[int]]:
    tasks = [asyncio.create_task(work.gathering(number)) for number in numbers]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return tasks


async def test_whoever_comes_while_one_is_carried_out_goes_together() -> None:
    work = _Work()
    tasks = await _started(work, 0)
    tasks += await _started(work, 2, 3, 4, 6)
    for _ in range(3):
        work.go.release()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert work.batches == [[0], [2, 3, 4], [6]]
    assert [result for result in results if isinstance(result, int)] == [0, 20, 40, 60]
    assert isinstance(results[2], InvalidInput)


async def test_nobody_is_carried_out_in_the_context_of_another() -> None:
    whose: ContextVar[str] = ContextVar("whose", default="nobody's")
    seen = []

    async def carry_out(numbers: Sequence[int]) -> list[int | GpoolError]:
        seen.append(whose.get())
        return list(numbers)

    whose.set("the first caller's")
    assert await Gathering(carry_out, 3)(1) == 1
    assert seen == ["nobody's"]


async def test_what_fails_fails_for_all_of_it_and_for_nobody_else() -> None:
    work = _Work()
    tasks = await _started(work, 0)
    tasks += await _started(work, 2, 13, 4, 6)
    for _ in range(3):
        work.go.release()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [int, Unavailable, Unavailable, Unavailable, int]


async def test_who_has_left_is_not_carried_out() -> None:
    work = _Work()
    (first,) = await _started(work, 0)
    second, third = await _started(work, 2, 4)
    second.cancel()
    await asyncio.sleep(0)
    work.go.release()
    work.go.release()
    assert (await first, await third) == (0, 40)
    assert work.batches == [[0], [4]]
    with pytest.raises(asyncio.CancelledError):
        await second
