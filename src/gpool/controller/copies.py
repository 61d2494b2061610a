"""Copies of the scheduler's state, to try things out on, in a thread too: nobody else sees them or waits for them."""

from collections.abc import Callable
from datetime import datetime

from gpool.controller.pool_scheduling import PoolScheduling
from gpool.model.lease import Lease
from gpool.scheduler.pool_state import PoolState

__all__ = ["copies_of"]


def copies_of(pool: PoolScheduling, now: datetime) -> Callable[..., PoolState]:
    """Makes copies of the pool as it is at this moment, however late; `(*more)`: with these leases as well."""
    nodes, leases, policy = tuple(pool.nodes.values()), tuple(pool.leases.values()), pool.policy
    averages = pool.scheduler_now().state.accounts.averages(now.timestamp())

    def copy(*more: Lease) -> PoolState:
        made = PoolState(policy, now, averages, pool.rules_of)
        made.follow(nodes, (*leases, *more), now)
        made.state.settle(now.timestamp())
        return made

    return copy
