"""Find: the GPUs that an ask would get now."""

from gpool.scheduler.asks import Ask
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import Spot
from gpool.scheduler.state import SchedulerState

__all__ = ["find_spots"]


def find_spots(state: SchedulerState, ask: Ask) -> tuple[Spot, ...]:
    """GPUs of one node if one has enough, else of several; empty when there are not enough.

    For an ask that can begin with fewer: as many as there are, and as its queue may have.
    """
    demand = ask.demand
    if not demand.enough:
        return _find(state, demand)
    size = _affordable(state, ask, state.placer.most(demand))
    return _find(state, demand.of_size(size)) if size >= demand.least else ()


def _find(state: SchedulerState, demand: Demand) -> tuple[Spot, ...]:
    spot = state.placer.find(demand)
    if spot is not None:
        return (spot,)
    # Processors and memory of a host cannot be gathered; a demand for them is for one node.
    if demand.vgpus == 1 or demand.cpu_milli or demand.memory_mib:
        return ()
    return tuple(state.placer.find_spread(demand))


def _affordable(state: SchedulerState, ask: Ask, most: int) -> int:
    """The largest size up to `most` that keeps all queues within their limits; below the least when there is none."""
    size = most
    while size >= ask.demand.least and state.accounts.over_limit(ask.queue, state.amount(ask.of_size(size))):
        size -= 1
    return size
