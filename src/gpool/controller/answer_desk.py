"""Answers of the live pool to those who ask again."""

import asyncio
from datetime import timedelta

from gpool.controller.keyed import Keyed
from gpool.controller.pool_memory import PoolMemory
from gpool.errors import AnswerLost, KeyInUse, KeyReused

__all__ = ["ANSWERS_KEPT", "AnswerDesk"]

ANSWERS_KEPT = timedelta(hours=24)
_PATIENCE_S = 10.0


class AnswerDesk(PoolMemory):
    """What has been carried out is not carried out again for 24 hours, whoever led then."""

    async def answer_of(self, asked: Keyed) -> tuple[int, bytes] | None:
        """The answer that this request got before; None when it is to be carried out, which is then under way.

        Waits while an equal one is under way. Raises `KeyReused` when its key came with another request, `KeyInUse`
        when an equal one is under way for long, and `AnswerLost` when what was answered is not known any more.
        """
        while (other := self._under_way.get(asked.id)) is not None:
            first, ended = other
            if first.request != asked.request:
                raise _reused()
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    await ended.wait()
            except TimeoutError:
                raise KeyInUse("the first request with this Idempotency-Key is still under way; ask again") from None
        self._under_way[asked.id] = (asked, asyncio.Event())
        try:
            kept = await self._store.answer(asked.id, self.now() - ANSWERS_KEPT)
            if kept is None:
                return None
            if kept.request != asked.request:
                raise _reused()
            answer = asked.read(kept)
            if answer is None:
                raise AnswerLost(
                    "the request with this Idempotency-Key has been carried out, but the controller that did it ended "
                    "before it could keep its answer; look at what was to be changed, and ask with another key"
                )
        except BaseException:
            self.answer_ends(asked)
            raise
        self.answer_ends(asked)
        return answer

    def answer_ends(self, asked: Keyed) -> None:
        """The request is no longer under way."""
        _, ended = self._under_way.pop(asked.id)
        ended.set()

    async def keep_late_answer(self, asked: Keyed) -> None:
        """Keep the answer to a request that the database knows to have been carried out. Raises `Unavailable`."""
        async with self._store.write() as writer:
            await writer.complete_answer(asked.to_keep())


def _reused() -> KeyReused:
    return KeyReused("this Idempotency-Key came with another request before; use a new key for a new request")
