"""One scheduling cycle: snapshot, ordered queue, actions, plan."""

from datetime import datetime

from gpool.model.lease import LeaseState
from gpool.scheduler.actions.place import place
from gpool.scheduler.pool import Pool
from gpool.scheduler.snapshot import Plan, Snapshot

__all__ = ["schedule"]


def schedule(snapshot: Snapshot, now: datetime) -> Plan:
    """What to do with the queue. The same snapshot and time give the same plan, whatever the order of its parts.

    A request whose time is over at `now` is left out: it is about to be ended.
    """
    queue = [lease for lease in snapshot.leases if lease.state is LeaseState.PENDING and lease.expires_at > now]
    queue.sort(key=lambda lease: (lease.created_at, lease.id))
    placements, waits = place(Pool.of(snapshot), queue)
    return Plan(tuple(placements), tuple(waits))
