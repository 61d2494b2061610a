"""Requests that could never be granted are refused at once, instead of waiting for ever."""

from collections.abc import Iterable

from gpool.errors import ImpossibleRequest, UnknownNode
from gpool.model.lease import LeaseRequest
from gpool.model.node import Node, NodeState
from gpool.model.sizes import format_bytes
from gpool.scheduler.gpu_models import is_model
from gpool.scheduler.reasons import count_of, describe_wish
from gpool.scheduler.rules.eligible import node_constraints
from gpool.scheduler.rules.fits import fits_empty
from gpool.scheduler.rules.gather import MAX_VGPUS_PER_NODE

__all__ = ["check_possible"]


def check_possible(request: LeaseRequest, nodes: Iterable[Node]) -> None:
    """Return if the pool could grant `request` once everybody else has gone.

    Nodes that are away for a while count with the GPUs that they last had; nodes that are gone do not. A pool without
    any node yet, or with one that is just joining, refuses nothing but what contradicts itself.

    Raises `UnknownNode` for a node that nobody has heard of, `ImpossibleRequest` otherwise.
    """
    if (contradiction := _contradiction(request)) is not None:
        raise ImpossibleRequest(f"the request contradicts itself: {contradiction}")
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
    candidates = len(eligible)
    for constraint in node_constraints(request):
        left = [node for node in eligible if constraint.allows(node)]
        if not left:
            raise ImpossibleRequest(f"the request wants {describe_wish(request)}, but {constraint.nobody(eligible)}")
        eligible = left
    if (lack := _lack(request, eligible, len(eligible) < candidates)) is not None:
        raise ImpossibleRequest(f"the request wants {describe_wish(request)}, but {lack}")


def _contradiction(request: LeaseRequest) -> str | None:
    placement = request.placement
    if request.enough_vgpus > request.vgpus:
        return f"at least {request.enough_vgpus} vGPUs, but {request.vgpus} at most"
    if placement.scope == "gpu" and request.vgpus > 1:
        return (
            f"{request.vgpus} vGPUs on one GPU, but the vGPUs of a lease are on GPUs of their own; "
            "ask for one larger vGPU, or for the scope node"
        )
    if request.reserved_permille > request.compute_permille:
        return (
            f"{request.reserved_permille / 10:g}% of compute at least, but {request.compute_permille / 10:g}% at most"
        )
    if placement.reach != "anywhere" and not request.host_id:
        return f"the reach {placement.reach} depends on the program's host, which it does not name; send its host_id"
    if placement.reach == "remote" and request.transport == "shm":
        return "only remote GPUs, but shared memory, which ends at the own host; use the transport tcp or auto"
    return None


def _lack(request: LeaseRequest, eligible: list[Node], some: bool) -> str | None:
    """What the nodes that may take a request have too little of; None when they have enough.

    `some`: there are other nodes, which must not.
    """
    per_node = [min(sum(fits_empty(gpu, request) for gpu in node.gpus), MAX_VGPUS_PER_NODE) for node in eligible]
    scope, models = request.placement.scope, request.placement.gpu_models
    possible = sum(per_node)
    where = "the pool" if request.node is None else f"node {request.node}"
    if some and request.node is None:
        where = "what the request may use of the pool"
    if possible >= request.enough_vgpus:
        if scope == "node" and max(per_node) < request.enough_vgpus:
            return (
                f"no single node has more than {count_of(max(per_node), 'such GPU')}; ask for fewer, or another scope"
            )
        if scope == "spread" and sum(map(bool, per_node)) < request.enough_vgpus:
            nodes = count_of(sum(map(bool, per_node)), "node")
            return f"{where} has {nodes} with such a GPU; ask for fewer, or another scope"
        return None
    gpus = [gpu for node in eligible for gpu in node.gpus]
    of_model = [gpu for gpu in gpus if not models or any(is_model(wanted, gpu.name) for wanted in models)]
    if gpus and not of_model:
        names = ", ".join(sorted({gpu.name for gpu in gpus}))
        return f"no GPU of {where} is of that model; there are: {names}"
    if possible == 0 and request.memory_bytes is not None:
        largest = format_bytes(max((gpu.memory_bytes for gpu in of_model), default=0))
        return f"the largest GPU of {where} has {largest}; ask for less memory"
    if request.memory_bytes is None or possible == len(of_model):
        kind = "such GPU" if models else "GPU"
        return f"{where} has {count_of(len(of_model), kind)}; ask for fewer"
    return f"{where} has {count_of(possible, 'GPU')} that large; ask for fewer, or for less memory"
