"""What a request says of its place is kept: masks against plain words, placements against a plain search."""

from itertools import combinations
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gpool.errors import ImpossibleRequest
from gpool.model.lease import Lease, LeaseRequest
from gpool.model.node import Node, NodeState, Taint
from gpool.scheduler.admission import check_possible
from gpool.scheduler.cycle import schedule
from gpool.scheduler.demand import demand_of
from gpool.scheduler.gpu_models import is_model
from gpool.scheduler.pool_state import PoolState
from gpool.scheduler.rules.eligible import is_eligible
from gpool.scheduler.rules.fits import fits_empty
from gpool.scheduler.snapshot import Plan, Snapshot
from stage.values import START, active, make_node, make_request, pending

MODELS = ("NVIDIA A100-SXM4-80GB", "NVIDIA A10", "Tesla T4")
APPS = ("db", "web")

labels = st.dictionaries(st.sampled_from(["zone", "disk"]), st.sampled_from(["a", "b", "c"]), max_size=2)
taints = st.lists(
    st.builds(Taint, key=st.sampled_from(["spot", "team"]), value=st.sampled_from(["", "x"])), max_size=2, unique=True
).map(tuple)
selectors = st.sampled_from(
    ["zone=a", "zone!=b", "zone in (a, c)", "disk not in (a, b)", "zone", "!disk", "other", "!other", "zone=never"]
)
tolerations = st.sampled_from(["*", "spot", "team=x", "spot="])
affinities = st.tuples(st.sampled_from(["same-node", "other-node", "other-gpu"]), st.sampled_from(APPS)).map(
    lambda pair: f"{pair[0]} app={pair[1]}"
)


@st.composite
def pools(draw: st.DrawFn, most: int = 4) -> list[Node]:
    return [
        make_node(
            name,
            *draw(st.lists(st.sampled_from([8, 16]), min_size=1, max_size=3)),
            model=draw(st.sampled_from(MODELS)),
            labels=draw(labels),
            taints=draw(taints),
            state=draw(st.sampled_from([NodeState.READY, NodeState.READY, NodeState.READY, NodeState.LOST])),
        )
        for name in "abcd"[: draw(st.integers(1, most))]
    ]


@st.composite
def requests(draw: st.DrawFn) -> LeaseRequest:
    vgpus = draw(st.integers(1, 3))
    placement: dict[str, Any] = {
        "scope": draw(st.sampled_from(["pool", "node", "spread"])),
        "reach": draw(st.sampled_from(["anywhere", "anywhere", "local-first", "local", "remote"])),
        "gpu_models": draw(st.lists(st.sampled_from(["a100 80gb", "A10", "t4"]), max_size=2)),
        "nodes": draw(st.lists(selectors, max_size=2)),
        "tolerations": draw(st.lists(tolerations, max_size=2)),
        "affinity": draw(st.lists(affinities, max_size=2)),
    }
    return make_request(
        vgpus=vgpus,
        gib=draw(st.sampled_from([None, 4, 12])),
        exclusive=draw(st.booleans()),
        min_vgpus=draw(st.one_of(st.none(), st.integers(1, vgpus))),
        node=draw(st.sampled_from([None, None, None, "a"])),
        host_id=f"boot-{draw(st.sampled_from('abz'))}",
        labels={"app": draw(st.sampled_from(APPS))} if draw(st.booleans()) else {},
        placement=placement,
    )


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(first=pools(), then=pools(), request_=requests())
def test_masks_say_the_same_as_plain_words(first: list[Node], then: list[Node], request_: LeaseRequest) -> None:
    pool = PoolState()
    for nodes in (first, then):  # the same names, but their labels, taints, GPUs and states change
        pool.follow(nodes, (), START)
        pool.state.placer.fitting(demand_of(request_, "ann"))
    known = {node.name: node for node in (*first, *then)}
    alone = request_.model_copy(update={"placement": request_.placement.model_copy(update={"affinity": ()})})
    demand = demand_of(alone, "ann")
    mask = pool.index.fitting_empty(demand) & pool.index.usable(demand)
    for name, row in pool.index.rows.items():
        node = known[name]
        ok = is_eligible(node, request_) and node.state is NodeState.READY
        said = [bool(mask[row, column]) for column in range(len(node.gpus))]
        assert said == [ok and fits_empty(gpu, request_) for gpu in node.gpus]


def allowed(request_: LeaseRequest, spots: tuple[tuple[Node, int], ...], there: list[Lease]) -> bool:
    """The plain rules: may a request be on these GPUs, beside these leases?"""
    nodes = {node.name: node for node, _ in spots}
    scope = request_.placement.scope
    if not request_.enough_vgpus <= len(spots) <= request_.vgpus:
        return False
    if (scope == "node" and len(nodes) > 1) or (scope == "spread" and len(nodes) < len(spots)):
        return False
    if not all(is_eligible(node, request_) and node.state is NodeState.READY for node in nodes.values()):
        return False
    for node, index in spots:
        gpu = node.gpus[index]
        on_it = [lease for lease in there for vgpu in lease.vgpus if vgpu.gpu_uuid == gpu.uuid]
        if not fits_empty(gpu, request_) or any(lease.request.whole_gpus for lease in on_it):
            return False
        if request_.whole_gpus and on_it:
            return False
        used = sum(vgpu.memory_bytes for lease in on_it for vgpu in lease.vgpus if vgpu.gpu_uuid == gpu.uuid)
        if not request_.whole_gpus and used + (request_.memory_bytes or 0) > gpu.memory_bytes:
            return False
    return all(_near(request_, spots, lease) for lease in there) and _together(request_, spots, there)


def _called(lease_labels: dict[str, str], wanted: dict[str, str]) -> bool:
    return wanted.items() <= lease_labels.items()


def _near(request_: LeaseRequest, spots: tuple[tuple[Node, int], ...], other: Lease) -> bool:
    """Neither wants the other away; all leases here are of one owner."""
    relations = [one.relation for one in request_.placement.affinity if _called(other.request.labels, one.labels)]
    relations += [one.relation for one in other.request.placement.affinity if _called(request_.labels, one.labels)]
    shared_gpu = {node.gpus[index].uuid for node, index in spots} & {vgpu.gpu_uuid for vgpu in other.vgpus}
    shared_node = {node.name for node, _ in spots} & set(other.nodes)
    return not ("other-gpu" in relations and shared_gpu) and not ("other-node" in relations and shared_node)


def _together(request_: LeaseRequest, spots: tuple[tuple[Node, int], ...], there: list[Lease]) -> bool:
    for one in request_.placement.affinity:
        if one.relation == "same-node":
            mates = [lease for lease in there if _called(lease.request.labels, one.labels)]
            if not mates and _called(request_.labels, one.labels):
                continue
            if not {node.name for node, _ in spots} <= {name for mate in mates for name in mate.nodes}:
                return False
    return True


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(nodes=pools(3), queue=st.lists(requests(), min_size=1, max_size=5))
def test_who_is_placed_may_be_there_and_who_waits_has_no_place(nodes: list[Node], queue: list[LeaseRequest]) -> None:
    by_name = {node.name: node for node in nodes}
    gpus = [(node, index) for node in nodes for index in range(len(node.gpus))]
    there: list[Lease] = []
    for number, request_ in enumerate(queue):
        plan = schedule(Snapshot(tuple(nodes), (*there, pending(f"l-{number}", request_))), START)
        choices = (
            spots
            for size in range(request_.vgpus, request_.enough_vgpus - 1, -1)
            for spots in combinations(gpus, size)
            if allowed(request_, spots, there)
        )
        best = next(choices, None)
        if not plan.placements:
            assert best is None, plan.waits
            continue
        chosen = plan.placements[0].vgpus
        spots = tuple(
            (by_name[vgpu.node], [gpu.uuid for gpu in by_name[vgpu.node].gpus].index(vgpu.gpu_uuid)) for vgpu in chosen
        )
        assert allowed(request_, spots, there)
        assert best is not None
        assert len(best) == len(chosen)  # as many as can be had
        there.append(active(f"l-{number}", *((node.name, index) for node, index in spots), request=request_))
        there[-1] = there[-1].model_copy(update={"vgpus": chosen})


A100, A10 = MODELS[:2]
POOL = (
    make_node("a", 8, 8, labels={"zone": "east"}, model=A10),
    make_node("b", 80, 80, 80, labels={"zone": "west"}, model=A100),
    make_node("c", 80, labels={"zone": "west"}, model=A100, taints=(Taint(key="team", value="vision"),)),
)


@pytest.mark.parametrize(
    ("wish", "sentence"),
    [
        (
            {"placement": {"nodes": ["zone=north"]}},
            "wants 1 whole GPU, where zone=north, but no node is 'zone=north' (its values of zone are: east, west)",
        ),
        (
            {"placement": {"nodes": ["rack"]}},
            "wants 1 whole GPU, where rack, but no node is 'rack' (no node has a label rack)",
        ),
        (
            {"placement": {"nodes": ["zone=west"]}, "vgpus": 4},
            "but what the request may use of the pool has 3 GPUs; ask for fewer",
        ),
        ({"node": "c"}, "but the node is tainted (team=vision:NoSchedule); tolerate that if you may"),
        (
            {"placement": {"gpu_models": ["H100"]}},
            "of the model H100, but no GPU of what the request may use of the pool is of that model; "
            f"there are: {A10}, {A100}",
        ),
        (
            {"placement": {"scope": "node"}, "vgpus": 4},
            "wants 4 whole GPUs, all on one node, but no single node has more than 3 such GPUs; ask for fewer, or "
            "another scope",
        ),
        (
            {"placement": {"scope": "spread"}, "vgpus": 4, "min_vgpus": 3},
            "wants 3 to 4 whole GPUs, each on a node of its own, but what the request may use of the pool has 2 nodes",
        ),
        (
            {"placement": {"reach": "local"}, "host_id": "boot-z"},
            "wants 1 whole GPU, local only, but no such node is on the host of the program; start an agent there",
        ),
        ({"placement": {"reach": "local-first"}}, "depends on the program's host, which it does not name"),
        (
            {"placement": {"reach": "remote"}, "host_id": "x", "transport": "shm"},
            "the request contradicts itself: only remote GPUs, but shared memory",
        ),
        ({"vgpus": 2, "min_vgpus": 3}, "the request contradicts itself: at least 3 vGPUs, but 2 at most"),
        ({"vgpus": 2, "placement": {"scope": "gpu"}}, "2 vGPUs on one GPU, but the vGPUs of a lease are on GPUs of"),
        ({"gib": 4, "compute": 200, "min_compute_permille": 300}, "30% of compute at least, but 20% at most"),
        (
            {"gib": 90, "exclusive": True},
            "wants 1 whole GPU of at least 90 GiB, but the largest GPU of what the request may use of the pool has 80",
        ),
    ],
)
def test_what_its_place_makes_impossible_is_refused_by_name(wish: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ImpossibleRequest) as refusal:
        check_possible(make_request(**wish), POOL)
    assert sentence in str(refusal.value)


def plan_of(*leases: Lease, nodes: tuple[Node, ...] = POOL) -> Plan:
    return schedule(Snapshot(nodes, leases), START)


def places(plan: Plan) -> dict[str, list[str]]:
    return {placement.lease_id: [vgpu.node for vgpu in placement.vgpus] for placement in plan.placements}


def test_what_waits_says_for_which_of_its_conditions() -> None:
    db, beside = {"app": "db"}, make_request(placement={"affinity": ["same-node app=db"]})
    waits = plan_of(pending("l-2", beside)).waits
    assert waits[0].reason == "wants 1 whole GPU, same-node app=db; no lease that is called app=db has a GPU yet"
    here = make_request(vgpus=2, placement={"scope": "node", "nodes": ["zone=west"]})
    taken = active("l-1", ("b", 0), ("b", 1), request=make_request(vgpus=2, labels=db))
    waits = plan_of(taken, pending("l-2", here)).waits
    assert waits[0].reason == (
        "wants 2 whole GPUs, all on one node, where zone=west; the pool has 1 free GPU on one node; waiting for l-1"
    )
    lost = (POOL[0], POOL[1].model_copy(update={"state": NodeState.LOST}), POOL[2])
    waits = plan_of(pending("l-2", make_request(placement={"nodes": ["zone=west"]})), nodes=lost).waits
    assert waits[0].reason.endswith("tainted (team=vision:NoSchedule); tolerate that if you may; waiting for b (lost)")


def test_who_wants_to_be_beside_another_goes_there_in_the_same_cycle() -> None:
    beside = make_request(placement={"affinity": ["same-node app=db"], "tolerations": ["*"]})
    data = make_request(labels={"app": "db"}, placement={"gpu_models": ["a100"]})
    first, second = pending("l-1", beside), pending("l-2", data, at_s=1)
    assert places(plan_of(first, second)) == {"l-2": ["b"], "l-1": ["b"]}


def test_local_first_takes_the_own_machine_and_then_others() -> None:
    near = make_request(host_id="boot-a", placement={"reach": "local-first"})
    mine = active("l-1", ("a", 0), request=make_request())
    assert places(plan_of(pending("l-2", near))) == {"l-2": ["a"]}
    both = active("l-1", ("a", 0), ("a", 1), request=make_request(vgpus=2))
    assert places(plan_of(both, pending("l-2", near))) == {"l-2": ["b"]}
    four = near.model_copy(update={"vgpus": 4})
    assert places(plan_of(mine, pending("l-2", four))) == {"l-2": ["a", "b", "b", "b"]}


def test_a_gang_that_needs_not_all_takes_what_is_free() -> None:
    some = make_request(vgpus=4, min_vgpus=2, placement={"gpu_models": ["a100"]})
    taken = active("l-1", ("b", 1), request=make_request())
    assert places(plan_of(taken, pending("l-2", some))) == {"l-2": ["b", "b"]}
    state = PoolState()
    granted = active("l-2", ("b", 0), ("b", 2), request=some)
    state.follow(POOL, (taken, granted), START)
    assert int(state.index.idle[state.index.rows["b"]]) == 0
    assert state.state.accounts.used("pool") == 3


def test_the_first_in_line_claims_gpus_within_its_scope() -> None:
    """Two on one node: those of the node that has both soonest are kept, and the free one elsewhere is not."""
    nodes = (make_node("a", 8, 8), make_node("b", 8, 8))
    taken = [active("l-1", ("a", 0)), active("l-2", ("b", 0), ("b", 1))]
    pair = pending("l-3", make_request(vgpus=2, placement={"scope": "node"}))
    plan = plan_of(*taken, pair, pending("l-4", at_s=1), nodes=nodes)
    assert places(plan) == {}
    assert "waiting for l-1" in plan.waits[0].reason
    assert "waiting for l-3" in plan.waits[1].reason


def test_a_gang_stays_off_nodes_that_it_may_not_use_though_some_gpu_there_is_barred() -> None:
    keeper = make_request(placement={"affinity": ["other-gpu app=db"]})
    some = make_request(vgpus=2, min_vgpus=1, labels={"app": "db"}, placement={"affinity": ["same-node app=web"]})
    plan = plan_of(active("l-1", ("b", 0), request=keeper), pending("l-2", some))
    assert places(plan) == {}


def test_words_of_a_model_are_words() -> None:
    assert is_model("a100", "NVIDIA A100-SXM4-80GB")
    assert is_model("A100 80GB", "NVIDIA A100-SXM4-80GB")
    assert not is_model("A10", "NVIDIA A100-SXM4-80GB")
    assert not is_model("A100 40GB", "NVIDIA A100-SXM4-80GB")
