"""Requests that could never be granted are refused at once, instead of waiting for ever."""

from collections.abc import Iterable

from gpool.errors import ImpossibleRequest, UnknownNode
from gpool.model.lease import LeaseRequest
from gpool.model.node import Node, NodeState
from gpool.model.sizes import format_bytes
from gpool.scheduler.reasons import count_of, describe_wish, largest_memory_bytes
from gpool.scheduler.rules.fits import fits_empty
from gpool.scheduler.rules.gather import MAX_VGPUS_PER_NODE

__all__ = ["check_possible"]


def check_possible(request: LeaseRequest, nodes: Iterable[Node]) -> None:
    """Return if the pool could grant `request` once everybody else has gone.

    Nodes that are away for a while count with the GPUs that they last had; nodes that are gone do not. A pool without
    any node yet, or with one that is just joining, refuses nothing.

    Raises `UnknownNode` for a node that nobody has heard of, `ImpossibleRequest` otherwise.
    """
    known = {node.name: node for node in nodes}
    if request.node is not None:
        if request.node not in known:
            names = ", ".join(sorted(known)) or "none yet"
            raise UnknownNode(f"there is no node '{request.node}'; the pool's nodes are: {names}")
        eligible = [known[request.node]]
    else:
        eligible = [node for node in known.values() if node.state is not NodeState.GONE]
    if not eligible or any(not node.gpus and node.state is NodeState.JOINING for node in eligible):
        return
    per_node = [sum(fits_empty(gpu, request) for gpu in node.gpus) for node in eligible]
    possible = sum(min(count, MAX_VGPUS_PER_NODE) for count in per_node)
    if possible >= request.vgpus:
        return
    where = "the pool" if request.node is None else f"node {request.node}"
    total = sum(len(node.gpus) for node in eligible)
    if possible == 0 and request.memory_bytes is not None:
        largest = format_bytes(largest_memory_bytes(eligible))
        has, advice = f"the largest GPU of {where} has {largest}", "ask for less memory"
    elif request.memory_bytes is None or possible == total:
        has, advice = f"{where} has {count_of(total, 'GPU')}", "ask for fewer"
    else:
        has, advice = f"{where} has {count_of(possible, 'GPU')} that large", "ask for fewer, or for less memory"
    raise ImpossibleRequest(f"the request wants {describe_wish(request)}, but {has}; {advice}")
