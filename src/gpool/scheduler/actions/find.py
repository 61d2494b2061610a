"""Find: the GPUs that an ask would get now."""

from gpool.scheduler.asks import Ask
from gpool.scheduler.index import Spot
from gpool.scheduler.state import SchedulerState

__all__ = ["find_spots"]


def find_spots(state: SchedulerState, ask: Ask) -> tuple[Spot, ...]:
    """GPUs of one node if one has enough, else of several; empty when there are not enough."""
    spot = state.placer.find(ask.demand)
    if spot is not None:
        return (spot,)
    # Processors and memory of a host cannot be gathered; a demand for them is for one node.
    if ask.demand.vgpus == 1 or ask.demand.cpu_milli or ask.demand.memory_mib:
        return ()
    return tuple(state.placer.find_spread(ask.demand))
