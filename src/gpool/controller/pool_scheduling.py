"""Cycles and deadlines of the live pool: what happens because time passes or somebody could come in."""

from datetime import datetime

from gpool.controller.changes import Changes
from gpool.controller.pool_memory import PoolMemory
from gpool.lifecycle.lease import KeptWaiting, Placed, TimePassed, lease_deadline
from gpool.lifecycle.node import NodeTimePassed, node_deadline
from gpool.scheduler.pool_state import PoolState

__all__ = ["PoolScheduling"]


class PoolScheduling(PoolMemory):
    """Runs the pure scheduler over the pool, and ends what is due."""

    async def run_cycle(self) -> None:
        """Run a scheduling cycle."""
        async with self._change() as changes:
            self._lay_plan(changes)

    def next_deadline(self) -> datetime | None:
        """When `pass_time` will next have something to do, if nothing else happens before."""
        times = self.times
        deadlines = [lease_deadline(lease) for lease in self.leases.values()]
        deadlines += [node_deadline(node, times.lost_after_s, times.node_grace_s) for node in self.nodes.values()]
        return min((deadline for deadline in deadlines if deadline is not None), default=None)

    async def pass_time(self) -> None:
        """End what is due: leases that were not renewed, requests that waited too long, nodes that are silent."""
        event = NodeTimePassed(self.times.lost_after_s, self.times.node_grace_s)
        now = self.now()
        async with self._change() as changes:
            for lease in self.leases.values():
                if (deadline := lease_deadline(lease)) is not None and deadline <= now:
                    changes.apply_to_lease(lease.id, TimePassed())
            for node in self.nodes.values():
                deadline = node_deadline(node, self.times.lost_after_s, self.times.node_grace_s)
                if deadline is not None and deadline <= now:
                    changes.apply_to_node(node, event)

    def _lay_plan(self, changes: Changes) -> None:
        if self._scheduling is None:
            self._scheduling = PoolState()
            self._scheduling.follow(self.nodes.values(), self.leases.values(), changes.now)
        plan = changes.schedule(self._scheduling)
        for placement in plan.placements:
            changes.apply_to_lease(placement.lease_id, Placed(placement.vgpus))
        for wait in plan.waits:
            if changes.lease(wait.lease_id).reason != wait.reason:
                changes.apply_to_lease(wait.lease_id, KeptWaiting(wait.reason))
