"""What would have to change so that a request that waits is placed now.

Each answer was tried: the scheduler runs over a copy of the pool in which the request says that instead, in its turn
and with all others as they are. What it would not place is not told.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from gpool.model.explanation import Advice
from gpool.model.lease import LeaseRequest
from gpool.model.placement import Placement
from gpool.model.sizes import format_bytes
from gpool.scheduler.actions.find import find_spots
from gpool.scheduler.actions.make_room import MakeRoom
from gpool.scheduler.actions.place import place
from gpool.scheduler.asks import Ask, Held
from gpool.scheduler.cycle import Decision, decide
from gpool.scheduler.demand import demand_of
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.reasons import count_of, list_of
from gpool.scheduler.tree import declared

__all__ = ["advise"]

_MEMORY_STEP = 256 << 20
_CONSTRAINTS = {
    "gpu_models": ("other-model", "any GPU model would do"),
    "nodes": ("other-nodes", "nodes with any labels would do"),
    "affinity": ("no-affinity", "it did not matter who is beside it"),
    "reach": ("other-reach", "it did not matter whose machine has the GPUs"),
    "scope": ("other-scope", "its GPUs could be on any nodes"),
}


def advise(pool: PoolState, lease_id: str, now: datetime, ends: Callable[[str], datetime | None]) -> tuple[Advice, ...]:
    """All that helps. `pool`: one's own, for this is tried out in it; `ends`: when a lease is expected to end."""
    return tuple(_Trials(pool, lease_id, now).all(ends))


class _Trials:
    def __init__(self, pool: PoolState, lease_id: str, now: datetime) -> None:
        self.pool, self.now = pool, now
        self.lease = pool.leases[lease_id]
        self.ask: Ask = pool.state.waiting.asks[lease_id]

    def all(self, ends: Callable[[str], datetime | None]) -> Iterator[Advice]:
        request = self.lease.request
        over = self._over_limit()
        if over is not None:
            yield over
        yield from self._smaller(request)
        yield from self._elsewhere(request)
        yield from self._more_urgent()
        if over is None:
            yield from self._without_others(ends)

    def _over_limit(self) -> Advice | None:
        state = self.pool.state
        amount = state.least_amount(self.ask)
        name = state.accounts.over_limit(self.ask.queue, amount)
        if name is None:
            return None
        queue = state.tree.queues[name]
        most = queue.limit if queue.weight else queue.guarantee
        needed = state.accounts.used_with(name, amount)
        what = "limit" if queue.weight else "guarantee (it never borrows)"
        sentence = f"if the {what} of queue {declared(name)} were {needed:g} GPUs instead of {most:g}"
        return Advice(kind="queue-limit", sentence=f"{sentence}, or leases of it ended")

    def _smaller(self, request: LeaseRequest) -> Iterator[Advice]:
        if (fewer := self._most(request.enough_vgpus - 1, self._with_vgpus)) > 0:
            yield Advice(kind="fewer-vgpus", sentence=f"if it wanted {count_of(fewer, 'vGPU')} (--gpus {fewer})")
        steps = self._memory_left(request) // _MEMORY_STEP
        if request.memory_bytes is not None:
            steps = min(steps, (request.memory_bytes - 1) // _MEMORY_STEP)
        if (step := self._most(steps, lambda step: self._with_memory(step * _MEMORY_STEP))) > 0:
            size = format_bytes(step * _MEMORY_STEP)
            one = "a part of a GPU" if request.whole_gpus else "less memory"
            yield Advice(
                kind="less-memory", sentence=f"if {one} would do, {size} each (--memory {size.replace(' ', '')})"
            )
        if request.reserved_permille and self._placed(compute_permille=1000, min_compute_permille=None):
            yield Advice(kind="no-compute", sentence="if no compute had to be kept for it (without --compute)")

    def _elsewhere(self, request: LeaseRequest) -> Iterator[Advice]:
        if request.node is not None and self._placed(node=None):
            yield Advice(kind="other-node", sentence=f"if it could be on another node than {request.node}")
        for field, (kind, sentence) in _CONSTRAINTS.items():
            default = Placement.model_fields[field].get_default(call_default_factory=True)
            if getattr(request.placement, field) != default:
                placement = request.placement.model_copy(update={field: default})
                if self._placed(placement=placement):
                    yield Advice(kind=kind, sentence=f"if {sentence}")

    def _more_urgent(self) -> Iterator[Advice]:
        classes = self.pool.policy_now.classes.values()
        for urgency in sorted(classes, key=lambda urgency: urgency.value):
            if urgency.value <= self.ask.priority:
                continue
            decision = self._try(replace(self.ask, priority=urgency.value, preempts=urgency.preempts), room=True)
            if self._gets(decision):
                yield Advice(kind="priority", sentence=f"if it were more urgent (--priority {urgency.name})")
                return
            for eviction in decision.evictions:
                if eviction.beneficiary.id == self.ask.id:
                    victims = tuple(sorted(held.ask.id for held in eviction.victims))
                    sentence = f"if it were more urgent (--priority {urgency.name}), {list_of(victims)} would give way"
                    yield Advice(kind="priority", sentence=sentence, leases=victims)
                    return

    def _without_others(self, ends: Callable[[str], datetime | None]) -> Iterator[Advice]:
        """The leases that would have to end: those expected to end first, and no more than needed."""
        state = self.pool.state
        behind = [other.id for other in state.waiting.asks.values() if other.queue == self.ask.queue]
        removed = [state.waiting.remove(other) for other in behind if state.waiting.asks[other].turn >= self.ask.turn]
        try:
            with state.index.trial(), state.accounts.trial():
                place(state, self.now.timestamp())
                needed = self._needed(ends)
        finally:
            for ask in removed:
                state.waiting.add(ask)
        if needed:
            names = tuple(sorted(held.ask.id for held in needed))
            yield Advice(kind="leases-end", sentence=f"if {list_of(names)} ended", leases=names)

    def _needed(self, ends: Callable[[str], datetime | None]) -> list[Held]:
        state, index, demand = self.pool.state, self.pool.index, self.ask.demand
        reach = index.fitting_empty(demand) & index.rows_for(demand)[:, None]

        def soonest(held: Held) -> tuple[bool, float, str]:
            end = ends(held.ask.id)
            return end is None, end.timestamp() if end else 0.0, held.ask.id

        there = [
            held
            for held in state.held.values()
            if any(reach[spot.row, column] for spot in held.spots for column in spot.columns)
        ]
        gone: list[Held] = []
        for held in sorted(there, key=soonest):
            if find_spots(state, self.ask):
                break
            self._lift(held)
            gone.append(held)
        if not find_spots(state, self.ask):
            return []
        for held in reversed(list(gone)):
            for spot in held.spots:
                index.take(held.ask.id, held.ask.demand, spot)
            if find_spots(state, self.ask):
                gone.remove(held)
            else:
                self._lift(held)
        return gone

    def _lift(self, held: Held) -> None:
        for spot in held.spots:
            self.pool.index.give_back(held.ask.id, held.ask.demand, spot)

    def _memory_left(self, request: LeaseRequest) -> int:
        """Bytes that are free on each of as many GPUs as it needs, whoever they are kept for."""
        index = self.pool.index
        there = index.rows_for(self.ask.demand)[:, None] & (index.total_bytes > 0)
        free = sorted((int(found) for found in index.free_bytes[there]), reverse=True)
        wanted = request.enough_vgpus
        return max(0, free[wanted - 1]) if len(free) >= wanted else 0

    def _with_vgpus(self, count: int) -> bool:
        return self._placed(vgpus=count, min_vgpus=None)

    def _with_memory(self, memory_bytes: int) -> bool:
        return self._placed(memory_bytes=memory_bytes, exclusive=False)

    def _most(self, most: int, fits: Callable[[int], bool]) -> int:
        """The largest number up to `most` that fits, if smaller ones fit where a larger does; 0 for none."""
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if fits(middle) else (low, middle - 1)
        return low

    def _placed(self, **changes: Any) -> bool:
        request = self.lease.request.model_copy(update=changes)
        return self._gets(self._try(replace(self.ask, demand=demand_of(request, self.lease.owner))))

    def _try(self, other: Ask, *, room: bool = False) -> Decision:
        waiting = self.pool.state.waiting
        waiting.remove(self.ask.id)
        waiting.add(other)
        nominated = self.pool.state.nominated.pop(self.ask.id, None)
        settings = MakeRoom(self.pool.policy_now.policy.settings.least_run_s) if room else None
        try:
            return decide(self.pool.state, self.now.timestamp(), room=settings)
        finally:
            waiting.remove(self.ask.id)
            waiting.add(self.ask)
            if nominated is not None:
                self.pool.state.nominated[self.ask.id] = nominated

    def _gets(self, decision: Decision) -> bool:
        return any(ask.id == self.ask.id for ask, _ in decision.placements)
