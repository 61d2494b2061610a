"""Why a request waits, or can never be granted: sentences for its holder."""

from collections.abc import Iterator, Sequence

from gpool.model.lease import LeaseRequest
from gpool.model.node import Node, NodeState
from gpool.model.sizes import format_bytes
from gpool.scheduler.actions.place import Blocked
from gpool.scheduler.arrays import Bools
from gpool.scheduler.asks import Ask
from gpool.scheduler.index import Spot
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.rules.eligible import is_eligible, node_constraints
from gpool.scheduler.tree import declared

__all__ = ["count_of", "describe_blocked", "describe_eviction", "describe_wait", "describe_wish", "list_of"]

_NAMED_LEASES = 3


def count_of(number: int, noun: str) -> str:
    """`no GPU`, `1 GPU`, `2 GPUs`."""
    if number == 0:
        return f"no {noun}"
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def describe_wish(request: LeaseRequest) -> str:
    """`2 vGPUs of 8 GiB and 50% compute`, `1 whole GPU on node-a`, `4 whole GPUs of A100, all on one node, zone=b`."""
    number = f"{request.min_vgpus} to " if request.enough_vgpus < request.vgpus else ""
    if request.memory_bytes is None:
        wish = count_of(request.vgpus, "whole GPU")
    elif request.exclusive:
        wish = f"{count_of(request.vgpus, 'whole GPU')} of at least {format_bytes(request.memory_bytes)}"
    else:
        wish = f"{count_of(request.vgpus, 'vGPU')} of {format_bytes(request.memory_bytes)}"
    if request.compute_permille < 1000:
        wish += f" and {request.compute_permille / 10:g}% compute"
    if request.min_compute_permille is not None:
        wish += f" and at least {request.min_compute_permille / 10:g}% compute"
    if request.node is not None:
        wish += f" on {request.node}"
    return ", ".join([number + wish, *_conditions(request)])


def _conditions(request: LeaseRequest) -> Iterator[str]:
    placement = request.placement
    if placement.gpu_models:
        yield f"of the model {' or '.join(placement.gpu_models)}"
    if placement.scope in ("node", "spread") and request.vgpus > 1:
        yield "all on one node" if placement.scope == "node" else "each on a node of its own"
    if placement.reach in ("local", "remote"):
        yield f"{placement.reach} only"
    if placement.nodes:
        yield f"where {' and '.join(map(str, placement.nodes))}"
    if placement.affinity:
        yield " and ".join(map(str, placement.affinity))


def describe_wait(pool: PoolState, ask: Ask, claims: Sequence[Spot], earlier: Sequence[Ask]) -> str:
    """What is missing. `claims`: the GPUs that it waits for; `earlier`: asks before it for which GPUs are kept."""
    index, request = pool.index, pool.leases[ask.id].request
    wish = f"wants {describe_wish(request)}"
    where = "the pool" if request.node is None else request.node
    rows = index.rows_for(ask.demand)
    if not index.gpus[rows].any():
        return f"{wish}; {_nothing_there(pool, ask, request)}"
    usable = index.usable(ask.demand)
    free = _count(index.fitting(ask.demand) & usable, ask.demand.scope)
    possible = _count(index.fitting_empty(ask.demand) & usable, ask.demand.scope)
    kind = {"node": " on one node", "spread": " on a node of its own"}.get(ask.demand.scope, "")
    if possible < ask.demand.least:
        missing = [node for node in _by_name(pool) if not node.takes_leases and node.gpus]
        ready = f"{where} has {count_of(possible, 'such GPU')}{kind} on nodes that are ready"
        away = [f"{node.name} ({_standing(node)})" for node in missing if is_eligible(node, request)]
        return f"{wish}; {ready}" + (f"; waiting for {list_of(away)}" if away else "")
    what = "free GPU" if request.whole_gpus else "GPU with that much free"
    holders = sorted(
        {holder for spot in claims for column in spot.columns for holder in index.holders(spot.row, column)}
    )
    blocking = [other.id for other in earlier] if index.claims[rows].any() else []
    awaited = list_of(holders or blocking)
    return f"{wish}; {where} has {count_of(free, what)}{kind}" + (f"; waiting for {awaited}" if awaited else "")


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


def _count(gpus: Bools, scope: str) -> int:
    """How many vGPUs can be on these GPUs (rows × columns)."""
    per_node = gpus.sum(axis=1)
    if scope == "node":
        return int(per_node.max(initial=0))
    return int((per_node > 0).sum() if scope == "spread" else per_node.sum())


def _nothing_there(pool: PoolState, ask: Ask, request: LeaseRequest) -> str:
    if request.node is not None:
        node = pool.nodes.get(request.node)
        if node is None:
            return f"there is no node {request.node}"
        if not node.takes_leases:
            return f"{request.node} is {_standing(node)}"
        if not _in_use(node):
            return f"{request.node} has no GPU" + (" that was not taken out" if node.gpus_out else "")
    if not pool.nodes:
        return "the pool has no node yet; start one with `gpool agent --join URL --token TOKEN`"
    away = [f"{node.name} ({_standing(node)})" for node in _by_name(pool) if not node.takes_leases]
    ready = [node for node in _by_name(pool) if node.takes_leases and _in_use(node)]
    if not ready and away:
        return "no node is ready: " + list_of(away)
    if not ready:
        out = any(node.gpus_out for node in pool.nodes.values())
        return "no node of the pool has a GPU" + (" that was not taken out" if out else "")
    return _constrained(pool, ask, request, ready)


def _constrained(pool: PoolState, ask: Ask, request: LeaseRequest, ready: Sequence[Node]) -> str:
    """Why none of the nodes that are ready will do."""
    left = [node for node in ready if request.node in (None, node.name)]
    for constraint in node_constraints(request):
        allowed = [node for node in left if constraint.allows(node)]
        if not allowed:
            away = [node for node in _by_name(pool) if not node.takes_leases and is_eligible(node, request)]
            waits = f"; waiting for {list_of([f'{node.name} ({_standing(node)})' for node in away])}" if away else ""
            return constraint.nobody(left) + waits
        left = allowed
    if pool.own.filters and pool.index.eligible_rows(ask.demand).any():
        return f"the pool's own rules ({', '.join(pool.own.filters)}) allow none of the nodes that would do"
    where = ask.demand.where
    for near in where.affinity if where is not None else ():
        if near.relation == "same-node" and pool.index.company.nobody_called(near.labels):
            called = ",".join(f"{key}={value}" for key, value in sorted(near.labels))
            return f"no lease that is called {called} has a GPU yet"
    return "on every node that would do is, or is not, who it wants to be away from or beside"


def _in_use(node: Node) -> bool:
    """Whether it has a GPU that was not taken out."""
    return any(not node.is_out(gpu.uuid) for gpu in node.gpus)


def _standing(node: Node) -> str:
    """Why a node takes nothing new."""
    if node.state is not NodeState.READY:
        return str(node.state)
    return "draining" if node.drain is not None else "cordoned"


def _by_name(pool: PoolState) -> list[Node]:
    return sorted(pool.nodes.values(), key=lambda node: node.name)


def list_of(names: Sequence[str]) -> str:
    if len(names) > _NAMED_LEASES:
        return f"{', '.join(names[:_NAMED_LEASES])} and {len(names) - _NAMED_LEASES} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
