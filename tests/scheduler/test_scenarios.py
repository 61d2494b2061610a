"""What the scheduler decides, as pictures.

A cluster is `node: GPU sizes in GiB`. Who is there already: `lease @ node.index …`. The queue, oldest first. What is
expected: where each pending lease goes, or the words that its reason has.
"""

import random
from dataclasses import dataclass, field

import pytest

from gpool.model.lease import Lease, LeaseRequest
from gpool.model.node import Node, NodeState
from gpool.scheduler.cycle import schedule
from gpool.scheduler.snapshot import Plan, Snapshot
from stage.values import START, active, after, gpu_uuid, make_node, make_request, pending


@dataclass(frozen=True)
class Scenario:
    name: str
    cluster: str
    queue: dict[str, LeaseRequest]
    expect: dict[str, str]
    """Per pending lease: `a.0 b.1`, or `waits: words`."""
    there: dict[str, tuple[str, LeaseRequest]] = field(default_factory=dict)

    def nodes(self) -> list[Node]:
        nodes = []
        for text in self.cluster.split(","):
            name, _, rest = text.partition(":")
            *sizes, last = rest.split()
            state = NodeState.READY if last.isdigit() else NodeState(last)
            sizes_gib = [int(size) for size in (*sizes, last) if size.isdigit()]
            nodes.append(make_node(name.strip(), *sizes_gib, state=state))
        return nodes

    def leases(self) -> list[Lease]:
        sizes = {gpu.uuid: gpu.memory_bytes for node in self.nodes() for gpu in node.gpus}
        granted = []
        for lease_id, (where, request) in self.there.items():
            spots = [(spot[0], int(spot[2:])) for spot in where.split()]
            gib = sizes[gpu_uuid(*spots[0])] / (1 << 30)
            granted.append(active(lease_id, *spots, request=request, gib=gib))
        return granted + [
            pending(lease_id, request, at_s=second) for second, (lease_id, request) in enumerate(self.queue.items())
        ]


one, whole_two = make_request(), make_request(vgpus=2)

SCENARIOS = [
    Scenario("an empty pool gives its only GPU", "a: 8", {"l-2": one}, {"l-2": "a.0"}),
    Scenario(
        "a whole GPU: the smaller one, for somebody may need the larger", "a: 16, b: 8", {"l-2": one}, {"l-2": "b.0"}
    ),
    Scenario(
        "best fit: the GPU that is left with the least",
        "a: 16, b: 8",
        {"l-2": make_request(gib=6)},
        {"l-2": "b.0"},
    ),
    Scenario(
        "small ones share a GPU and leave the other whole",
        "a: 8 8",
        {"l-2": make_request(gib=2), "l-3": make_request(gib=2), "l-4": one},
        {"l-2": "a.0", "l-3": "a.0", "l-4": "a.1"},
    ),
    Scenario(
        "the vGPUs of one lease are on GPUs of their own",
        "a: 8 8",
        {"l-2": make_request(vgpus=2, gib=1)},
        {"l-2": "a.0 a.1"},
    ),
    Scenario("one node rather than two", "a: 8, b: 8 8", {"l-2": whole_two}, {"l-2": "b.0 b.1"}),
    Scenario("two nodes when one is not enough", "a: 8, b: 8", {"l-2": whole_two}, {"l-2": "a.0 b.0"}),
    Scenario("a pinned request goes nowhere else", "a: 8, b: 8", {"l-2": make_request(node="b")}, {"l-2": "b.0"}),
    Scenario(
        "a pinned request waits for its node",
        "a: 8, b: 8",
        {"l-3": make_request(node="b")},
        {"l-3": "waits: wants 1 whole GPU on b; b has no free GPU; waiting for l-2"},
        {"l-2": ("b.0", one)},
    ),
    Scenario(
        "nobody joins a whole GPU, however little it uses",
        "a: 8",
        {"l-3": make_request(gib=1)},
        {"l-3": "waits: no GPU with that much free; waiting for l-2"},
        {"l-2": ("a.0", one)},
    ),
    Scenario(
        "a whole GPU is not made of a shared one",
        "a: 8",
        {"l-3": one},
        {"l-3": "waits: no free GPU; waiting for l-2"},
        {"l-2": ("a.0", make_request(gib=1))},
    ),
    Scenario(
        "compute shares add up to one GPU",
        "a: 8",
        {"l-3": make_request(gib=1, compute=400), "l-4": make_request(gib=1, compute=300)},
        {"l-3": "a.0", "l-4": "waits: wants 1 vGPU of 1 GiB and 30% compute; the pool has no GPU with that much free"},
        {"l-2": ("a.0", make_request(gib=1, compute=400))},
    ),
    Scenario(
        "without a compute limit, memory alone decides",
        "a: 8",
        {"l-3": make_request(gib=4)},
        {"l-3": "a.0"},
        {"l-2": ("a.0", make_request(gib=4, compute=900))},
    ),
    Scenario(
        "the reason counts what is free and names who is awaited",
        "a: 16, b: 16",
        {"l-5": make_request(vgpus=2, gib=8)},
        {"l-5": "waits: wants 2 vGPUs of 8 GiB; the pool has 1 GPU with that much free; waiting for l-2 and l-3"},
        {"l-2": ("a.0", make_request(gib=6)), "l-3": ("a.0", make_request(gib=6))},
    ),
    Scenario(
        "the head of the queue is not overtaken on what it waits for",
        "a: 8 8",
        {"l-3": whole_two, "l-4": make_request(gib=1)},
        {"l-3": "waits: 1 free GPU; waiting for l-2", "l-4": "waits: waiting for l-3"},
        {"l-2": ("a.0", one)},
    ),
    Scenario(
        "but those behind it may use the rest of the pool",
        "a: 8, b: 24 24",
        {"l-3": make_request(gib=24, vgpus=2), "l-4": make_request(gib=1), "l-5": one},
        {"l-3": "waits: waiting for l-2", "l-4": "a.0", "l-5": "waits: "},
        {"l-2": ("b.0", one)},
    ),
    Scenario(
        "what the head could not use is not kept for it",
        "a: 8, b: 8",
        {"l-3": make_request(node="b"), "l-4": one},
        {"l-3": "waits: b has no free GPU", "l-4": "a.0"},
        {"l-2": ("b.0", one)},
    ),
    Scenario(
        "a node that is away gets nothing new",
        "a: 8 disconnected, b: 8",
        {"l-2": one, "l-3": one},
        {"l-2": "b.0", "l-3": "waits: waiting for l-2"},
    ),
    Scenario(
        "a request for more than the ready nodes have names those that are away, and blocks nobody",
        "a: 8 lost, b: 8",
        {"l-2": whole_two, "l-3": one},
        {"l-2": "waits: the pool has 1 such GPU on nodes that are ready; waiting for a (lost)", "l-3": "b.0"},
    ),
    Scenario("no node is ready", "a: 8 joining", {"l-2": one}, {"l-2": "waits: no node is ready: a (joining)"}),
    Scenario("a ready node without GPUs", "a: ready", {"l-2": one}, {"l-2": "waits: no node of the pool has a GPU"}),
]


def told(plan: Plan) -> dict[str, str]:
    places = {(gpu_uuid(node, index)): f"{node}.{index}" for node in "abc" for index in range(4)}
    spots = {item.lease_id: " ".join(places[vgpu.gpu_uuid] for vgpu in item.vgpus) for item in plan.placements}
    return spots | {wait.lease_id: f"waits: {wait.reason}" for wait in plan.waits}


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario) -> None:
    answer = told(schedule(Snapshot(tuple(scenario.nodes()), tuple(scenario.leases())), after(20)))
    assert answer.keys() == scenario.expect.keys()
    for lease_id, expected in scenario.expect.items():
        if expected.startswith("waits: "):
            assert answer[lease_id].startswith("waits: ")
            assert expected.removeprefix("waits: ") in answer[lease_id]
        else:
            assert answer[lease_id] == expected


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
def test_the_order_of_the_snapshot_does_not_matter(scenario: Scenario) -> None:
    nodes, leases = scenario.nodes(), scenario.leases()
    plan = schedule(Snapshot(tuple(nodes), tuple(leases)), after(20))
    shuffler = random.Random(7)
    for _ in range(5):
        shuffler.shuffle(nodes)
        shuffler.shuffle(leases)
        assert told(schedule(Snapshot(tuple(nodes), tuple(leases)), after(20))) == told(plan)


def test_a_lease_that_is_ending_still_holds_its_gpu() -> None:
    from gpool.lifecycle.lease import Released, apply_to_lease

    ending, _ = apply_to_lease(active("l-2", ("a", 0)), Released("ann"), START)
    plan = schedule(Snapshot((make_node("a", 8),), (ending, pending("l-3"))), START)
    assert told(plan) == {"l-3": "waits: wants 1 whole GPU; the pool has no free GPU; waiting for l-2"}


def test_an_empty_pool_says_how_to_add_a_node() -> None:
    plan = schedule(Snapshot((), (pending("l-2"),)), START)
    assert "gpool agent --join" in plan.waits[0].reason


def test_requests_whose_time_is_over_are_left_alone() -> None:
    assert schedule(Snapshot((make_node("a", 8),), (pending("l-2"),)), after(30)) == Plan((), ())


def test_a_large_queue_behind_one_gpu_is_served_in_order() -> None:
    leases = [pending(f"l-{number}", at_s=number) for number in range(20)]
    plan = schedule(Snapshot((make_node("a", 8),), tuple(reversed(leases))), after(25))
    assert [item.lease_id for item in plan.placements] == ["l-0"]
    assert [wait.lease_id for wait in plan.waits] == [f"l-{number}" for number in range(1, 20)]
