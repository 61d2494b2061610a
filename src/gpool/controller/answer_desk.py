"""Answers of the live pool to those who ask again."""

import asyncio
from datetime import timedelta

from gpool.controller.keyed import Keyed
from gpool.controller.pool_memory import PoolMemory
from gpool.errors import AnswerLost, KeyInUse, KeyReused

__all__ = ["ANSWERS_KEPT", "AnswerDesk"]

ANSWERS_KEPT = timedelta(hours=24)
_PATIENCE_S = 10.0
_MOST_KNOWN = 200_000
"""Ids in memory, of about 200 bytes each."""


class AnswerDesk(PoolMemory):
    """What has been carried out is not carried out again for 24 hours, whoever led then."""

    async def load(self) -> None:
        """See `PoolMemory`."""
        await super().load()
        await self.forget_old_answers()

    async def forget_old_answers(self) -> None:
        """Delete those that are older than 24 hours, and learn which ones there are."""
        since = self.now() - ANSWERS_KEPT
        async with self._store.write() as writer:
            await writer.forget_answers(since)
        # Whoever keeps one holds the lock: none comes between what is read and what is known.
        async with self._lock:
            self._answered = await self._store.answer_ids(since, _MOST_KNOWN)

    async def answer_of(self, asked: Keyed) -> tuple[int, bytes] | None:
        """The answer that this request got before; None when it is to be carried out, which is then under way.

        One whose answer was lost is carried out again if that makes no difference.

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
            if self._answered is not None and asked.id not in self._answered:
                return None  # nearly always; this spares the look into the store
            kept = await self._store.answer(asked.id, self.now() - ANSWERS_KEPT)
            if kept is None:
                return None
            if kept.request != asked.request:
                raise _reused()
            answer = asked.read(kept)
            if answer is None and asked.repeatable:
                asked.stored = True
                return None
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
