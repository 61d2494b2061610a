"""Cycles and deadlines of the live pool: what happens because time passes or somebody could come in."""

from datetime import datetime, timedelta

import structlog

from gpool.controller.changes import Changes
from gpool.controller.pool_memory import PoolMemory
from gpool.lifecycle.lease import KeptWaiting, LetOff, Moved, Placed, RoomMade, TimePassed, Warned, lease_deadline
from gpool.lifecycle.node import NodeTimePassed, node_deadline
from gpool.model.lease import Eviction, Lease
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.snapshot import RoomPlan

__all__ = ["PoolScheduling"]

log = structlog.get_logger("gpool.pool")

_POSTPONE_S = 3.0


class PoolScheduling(PoolMemory):
    """Runs the pure scheduler over the pool, and ends what is due."""

    async def run_cycle(self) -> None:
        """Run a scheduling cycle."""
        async with self._change() as changes:
            self._lay_plan(changes)

    def scheduler_now(self) -> PoolState:
        """What the scheduler knows, to look at."""
        scheduler = self._scheduler(self.now())
        scheduler.follow(self.nodes.values(), self.leases.values(), self.now())
        return scheduler

    def next_deadline(self) -> datetime | None:
        """When `pass_time` will next have something to do, if nothing else happens before."""
        times = self.times
        deadlines = [lease_deadline(lease) for lease in self.leases.values()]
        deadlines += [node_deadline(node, times.lost_after_s, times.node_grace_s) for node in self.nodes.values()]
        if self._scheduling is not None:
            deadlines.append(self._scheduling.policy_now.changes_at)
        self._next_look = min((deadline for deadline in deadlines if deadline is not None), default=None)
        return self._next_look

    async def pass_time(self) -> None:
        """End what is due: leases that were not renewed or have to give way, requests that waited too long, nodes that
        are silent; and let queues become what their calendars say."""
        event = NodeTimePassed(self.times.lost_after_s, self.times.node_grace_s)
        now = self.now()
        async with self._change() as changes:
            due = [lease.id for lease in self.leases.values() if _is_due(lease, now)]
            turn = self._scheduler(now).policy_now.changes_at
            # Whoever is about to be ended for another is looked at once more: the reason may be gone.
            if any(self.leases[lease_id].warned for lease_id in due) or (turn is not None and turn <= now):
                self._lay_plan(changes)
            for lease_id in due:
                if _is_due(changes.lease(lease_id), now):
                    changes.apply_to_lease(lease_id, TimePassed())
            for node in self.nodes.values():
                deadline = node_deadline(node, self.times.lost_after_s, self.times.node_grace_s)
                if deadline is not None and deadline <= now:
                    changes.apply_to_node(node, event)

    def _lay_plan(self, changes: Changes) -> None:
        with self.counted.cycle():
            scheduler = self._scheduler(changes.now)
            plan = changes.schedule(scheduler)
        for name, sentence in scheduler.own.take_problems():
            log.warning("a rule of this pool's own", rule=name, problem=sentence)
            changes.note("rule", name, "failed", sentence)
        for lease_id in plan.let_off:
            changes.apply_to_lease(lease_id, LetOff())
            # A node of it may be drained as well, only later.
            changes.heed_drains(lease_id)
        for room in plan.rooms:
            self._make_room(changes, room)
        held = {room.lease_id for room in plan.rooms} | {placement.lease_id for placement in plan.placements}
        for lease_id in list(scheduler.state.nominated):
            if lease_id not in held and changes.lease(lease_id).room:
                changes.apply_to_lease(lease_id, RoomMade(()))
        for move in plan.moves:
            changes.apply_to_lease(move.lease_id, Moved(move.vgpus))
        for placement in plan.placements:
            changes.apply_to_lease(placement.lease_id, Placed(placement.vgpus))
        for wait in plan.waits:
            if changes.lease(wait.lease_id).reason != wait.reason:
                changes.apply_to_lease(wait.lease_id, KeptWaiting(wait.reason))

    def _make_room(self, changes: Changes, room: RoomPlan) -> None:
        if changes.lease(room.lease_id).room != room.places:
            changes.apply_to_lease(room.lease_id, RoomMade(room.places))
        ends_at = changes.now + timedelta(seconds=self.policy.settings.grace_s)
        for victim_id, reason in room.victims:
            told = changes.lease(victim_id).eviction
            if told is None:
                fresh = Eviction(beneficiary=room.lease_id, reason=reason, warned_at=changes.now, ends_at=ends_at)
            elif told.beneficiary != room.lease_id:
                fresh = told.model_copy(update={"beneficiary": room.lease_id, "reason": reason})
            elif room.suspended and told.ends_at <= changes.now:
                # Its node is away: to end it now would free nothing.
                fresh = told.model_copy(update={"ends_at": changes.now + timedelta(seconds=_POSTPONE_S)})
            else:
                continue
            changes.apply_to_lease(victim_id, Warned(fresh))


def _is_due(lease: Lease, now: datetime) -> bool:
    deadline = lease_deadline(lease)
    return deadline is not None and deadline <= now
