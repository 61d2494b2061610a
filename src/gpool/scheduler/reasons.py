"""Why a request waits, or can never be granted: sentences for its holder."""

from collections.abc import Iterable, Sequence

from gpool.model.lease import LeaseRequest
from gpool.model.node import Node, NodeState
from gpool.model.sizes import format_bytes
from gpool.scheduler.actions.place import Blocked
from gpool.scheduler.asks import Ask
from gpool.scheduler.index import Spot
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.tree import declared

__all__ = [
    "count_of",
    "describe_blocked",
    "describe_eviction",
    "describe_wait",
    "describe_wish",
    "largest_memory_bytes",
]

_NAMED_LEASES = 3


def count_of(number: int, noun: str) -> str:
    """`no GPU`, `1 GPU`, `2 GPUs`."""
    if number == 0:
        return f"no {noun}"
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def describe_wish(request: LeaseRequest) -> str:
    """`2 vGPUs of 8 GiB and 50% compute`, `1 whole GPU on node-a`."""
    if request.memory_bytes is None:
        wish = count_of(request.vgpus, "whole GPU")
    else:
        wish = f"{count_of(request.vgpus, 'vGPU')} of {format_bytes(request.memory_bytes)}"
    if request.compute_permille < 1000:
        wish += f" and {request.compute_permille / 10:g}% compute"
    return wish if request.node is None else f"{wish} on {request.node}"


def largest_memory_bytes(nodes: Iterable[Node]) -> int:
    """Memory of the largest GPU of these nodes; 0 when they have none."""
    return max((gpu.memory_bytes for node in nodes for gpu in node.gpus), default=0)


def describe_wait(pool: PoolState, ask: Ask, claims: Sequence[Spot], earlier: Sequence[Ask]) -> str:
    """What is missing. `claims`: the GPUs that it waits for; `earlier`: asks before it for which GPUs are kept."""
    index, request = pool.index, pool.leases[ask.id].request
    wish = f"wants {describe_wish(request)}"
    where = "the pool" if request.node is None else request.node
    rows = index.rows_for(ask.demand)
    if not index.gpus[rows].any():
        return f"{wish}; {_nothing_there(pool, request)}"
    free = int(index.fitting(ask.demand)[rows].sum())
    possible = int(index.fitting_empty(ask.demand)[rows].sum())
    if possible < request.vgpus:
        missing = [node for node in _by_name(pool) if node.state is not NodeState.READY and node.gpus]
        ready = f"{where} has {count_of(possible, 'such GPU')} on nodes that are ready"
        away = [f"{node.name} ({node.state})" for node in missing]
        return f"{wish}; {ready}" + (f"; waiting for {_list(away)}" if away else "")
    what = "free GPU" if request.whole_gpus else "GPU with that much free"
    holders = sorted(
        {holder for spot in claims for column in spot.columns for holder in index.holders(spot.row, column)}
    )
    blocking = [other.id for other in earlier] if index.claims[rows].any() else []
    awaited = _list(holders or blocking)
    return f"{wish}; {where} has {count_of(free, what)}" + (f"; waiting for {awaited}" if awaited else "")


def describe_blocked(pool: PoolState, blocked: Blocked) -> str:
    """Why an ask waits."""
    if blocked.over_limit is None:
        return blocked.why
    queue = pool.state.tree.queues[blocked.over_limit]
    most = queue.limit if queue.weight else queue.guarantee
    wish = describe_wish(pool.leases[blocked.ask.id].request)
    name = queue.name
    if queue.derived and not name.endswith("/*"):
        above, _, user = name.partition("/")
        name = f"{above} for {user}"
    return f"wants {wish}; queue {name} uses {blocked.used_gpus:g} of the {most:g} GPUs that it may use"


def describe_eviction(beneficiary: Ask, victim: Ask) -> str:
    """Why a lease has to go, for its holder."""
    if beneficiary.queue == victim.queue:
        return f"lease {beneficiary.id} is more urgent and needs its GPU"
    return f"queue {declared(beneficiary.queue)} takes back for lease {beneficiary.id} what it is guaranteed"


def _nothing_there(pool: PoolState, request: LeaseRequest) -> str:
    if request.node is not None:
        node = pool.nodes.get(request.node)
        if node is None:
            return f"there is no node {request.node}"
        return f"{request.node} is {node.state}" if node.state is not NodeState.READY else f"{request.node} has no GPU"
    if not pool.nodes:
        return "the pool has no node yet; start one with `gpool agent --join URL --token TOKEN`"
    away = [f"{node.name} ({node.state})" for node in _by_name(pool) if node.state is not NodeState.READY]
    return "no node is ready: " + _list(away) if away else "no node of the pool has a GPU"


def _by_name(pool: PoolState) -> list[Node]:
    return sorted(pool.nodes.values(), key=lambda node: node.name)


def _list(names: Sequence[str]) -> str:
    if len(names) > _NAMED_LEASES:
        return f"{', '.join(names[:_NAMED_LEASES])} and {len(names) - _NAMED_LEASES} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
