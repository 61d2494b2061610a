"""What would have to change so that a request is placed now, and when it will be: scenarios as data."""

from dataclasses import dataclass, field
from datetime import datetime

import pytest

from gpool.lifecycle.lease import Warned, apply_to_lease
from gpool.model.explanation import Advice, Forecast
from gpool.model.lease import Eviction, Lease
from gpool.model.node import Node
from gpool.model.policy import Policy, PoolSettings
from gpool.model.queue import QueueSettings
from gpool.scheduler.advice import advise
from gpool.scheduler.forecast import Durations, forecast, likely_end
from gpool.scheduler.pool_state import PoolState
from stage.values import active, after, make_node, make_request, pending

NOW = after(100)


@dataclass
class Scenario:
    """A pool at second 100; leases in it were granted at second 0."""

    wants: Lease
    held: list[Lease]
    says: dict[str, str] = field(default_factory=dict)
    """Kind of advice → part of its sentence. All of them."""
    nodes: list[Node] = field(default_factory=lambda: [make_node("a", 8, 8)])
    policy: Policy = field(default_factory=Policy)
    lasted: list[Lease] = field(default_factory=list)
    starts: datetime | None = None
    latest: datetime | None = None
    sureness: str = "unknown"
    reason: str = "may last for ever"


def on(lease_id: str, *gpus: int, node: str = "a", gib: float | None = None, **more: object) -> Lease:
    """A lease on these GPUs."""
    request = make_request(vgpus=len(gpus), gib=gib, **more)  # type: ignore[arg-type]
    return active(lease_id, *((node, gpu) for gpu in gpus), request=request)


def ended(lease_id: str, seconds: float, owner: str = "ann", queue: str = "pool") -> Lease:
    """One that lasted so long."""
    return on(lease_id, 0).model_copy(update={"owner": owner, "queue": queue, "ended_at": after(seconds)})


def warned(lease: Lease, until: float, whom: str) -> Lease:
    eviction = Eviction(beneficiary=whom, reason="it has to", warned_at=after(90), ends_at=after(until))
    return apply_to_lease(lease, Warned(eviction), after(90))[0]


def wants(queue: str = "pool", **request: object) -> Lease:
    return pending("l-9", make_request(**request), 90).model_copy(update={"queue": queue})  # type: ignore[arg-type]


SHARED = Policy(queues=(QueueSettings(name="vision", limit=2),), settings=PoolSettings(least_run_s=0))

SCENARIOS = {
    "all is taken by one who may stay for ever": Scenario(
        wants(),
        [on("l-1", 0, 1, preemptible=False)],
        {"leases-end": "if l-1 ended"},
        reason="l-1 may last for ever: no maximum duration, and too few leases like it have ended to tell",
    ),
    "half of a gang would fit": Scenario(
        wants(vgpus=2),
        [on("l-1", 0, preemptible=False)],
        {"fewer-vgpus": "1 vGPU (--gpus 1)", "leases-end": "if l-1 ended"},
        reason="l-1 may last",
    ),
    "a part of a GPU is left": Scenario(
        wants(),
        [on("l-1", 0, preemptible=False), on("l-2", 1, gib=5, preemptible=False)],
        {"less-memory": "a part of a GPU would do, 3 GiB each (--memory 3GiB)", "leases-end": "if l-1 ended"},
        reason="l-1 and l-2 may last",
    ),
    "less memory would do": Scenario(
        wants(gib=6),
        [on("l-1", 0, gib=4, preemptible=False), on("l-2", 1, gib=3, preemptible=False)],
        {"less-memory": "less memory would do, 5 GiB", "leases-end": "if l-1 ended"},
        reason="l-1 and l-2 may last",
    ),
    "compute that is kept": Scenario(
        wants(gib=1, compute=500),
        [on("l-1", 0, 1, gib=1, compute=900, preemptible=False)],
        {"no-compute": "no compute had to be kept", "leases-end": "if l-1 ended"},
        reason="l-1 may last",
    ),
    "another model is free": Scenario(
        wants(placement={"gpu_models": ["H100"]}),
        [on("l-1", 0, preemptible=False)],
        {"other-model": "any GPU model", "leases-end": "if l-1 ended"},
        nodes=[make_node("a", 8, model="NVIDIA H100"), make_node("b", 8, model="NVIDIA A100")],
        reason="l-1 may last",
    ),
    "another node is free": Scenario(
        wants(node="a"),
        [on("l-1", 0, preemptible=False)],
        {"other-node": "another node than a", "leases-end": "if l-1 ended"},
        nodes=[make_node("a", 8), make_node("b", 8)],
        reason="l-1 may last",
    ),
    "GPUs of two nodes instead of one": Scenario(
        wants(vgpus=2, placement={"scope": "node"}),
        [on("l-1", 0, preemptible=False), on("l-2", 0, node="b", preemptible=False)],
        {
            "other-scope": "could be on any nodes",
            "fewer-vgpus": "1 vGPU",
            "leases-end": "if l-1 ended",
        },
        nodes=[make_node("a", 8, 8), make_node("b", 8, 8)],
        reason="l-1 and l-2 may last",
    ),
    "the queue has its limit": Scenario(
        wants("vision"),
        [on("l-1", 0, 1).model_copy(update={"queue": "vision"})],
        {
            "queue-limit": "if the limit of queue vision were 3 GPUs instead of 2, or leases of it ended",
        },
        nodes=[make_node("a", 8, 8, 8)],
        policy=SHARED,
        reason="l-1 may last",
    ),
    "the more urgent make others give way": Scenario(
        wants(),
        [on("l-1", 0, 1)],
        {"priority": "--priority high), l-1 would give way", "leases-end": "if l-1 ended"},
        policy=SHARED,
        reason="l-1 may last",
    ),
    "it ends by its maximum duration": Scenario(
        wants(),
        [on("l-1", 0, preemptible=False), on("l-2", 1, max_duration_s=500, preemptible=False)],
        {"leases-end": "if l-2 ended"},
        starts=after(500),
        latest=after(500),
        sureness="bounded",
        reason="by their maximum duration or warning at the latest",
    ),
    "as long as such leases last": Scenario(
        wants(),
        [on("l-1", 0, 1, preemptible=False)],
        {"leases-end": "if l-1 ended"},
        lasted=[ended(f"l-2{number}", 400 + number) for number in range(3)],
        starts=after(401),
        sureness="estimated",
        reason="as long as leases of their owners and queues have lasted lately",
    ),
    "sooner by habit than by its limit": Scenario(
        wants(),
        [on("l-1", 0, 1, max_duration_s=3600, preemptible=False)],
        {"leases-end": "if l-1 ended"},
        lasted=[ended(f"l-2{number}", 400) for number in range(3)],
        starts=after(400),
        latest=after(3600),
        sureness="bounded",
        reason="at the latest",
    ),
    "longer than usual already": Scenario(
        wants(),
        [on("l-1", 0, 1, preemptible=False)],
        {"leases-end": "if l-1 ended"},
        lasted=[ended(f"l-2{number}", 60, owner="bob") for number in range(3)],
        starts=after(150),
        sureness="estimated",
        reason="lately",
    ),
    "somebody is told to go for it": Scenario(
        wants().model_copy(update={"room": ()}),
        [warned(on("l-1", 0, 1, preemptible=False), 130, "l-9")],
        {"leases-end": "if l-1 ended"},
        starts=after(130),
        latest=after(130),
        sureness="bounded",
        reason="at the latest",
    ),
}


def pool_of(scenario: Scenario, *others: Lease) -> PoolState:
    pool = PoolState(scenario.policy, NOW)
    pool.follow(scenario.nodes, [*scenario.held, scenario.wants, *others], NOW)
    pool.state.settle(NOW.timestamp())
    return pool


def look(scenario: Scenario, *others: Lease) -> tuple[tuple[Advice, ...], Forecast]:
    durations = Durations(scenario.lasted)
    pool = pool_of(scenario, *others)

    def ends(lease_id: str) -> datetime | None:
        lease = pool.leases[lease_id]
        return likely_end(lease, lease.granted_at or NOW, NOW, durations)

    return advise(pool, "l-9", NOW, ends), forecast(lambda: pool_of(scenario, *others), "l-9", NOW, durations)


@pytest.mark.parametrize("name", SCENARIOS)
def test_what_would_have_to_change_and_when_it_starts(name: str) -> None:
    scenario = SCENARIOS[name]
    advice, expected = look(scenario)
    assert {one.kind for one in advice} == set(scenario.says), advice
    for one in advice:
        assert scenario.says[one.kind] in one.sentence
    assert (expected.expected_at, expected.latest_at, expected.sureness) == (
        scenario.starts,
        scenario.latest,
        scenario.sureness,
    )
    assert scenario.reason in expected.reason


def test_who_comes_before_it_is_served_before_it() -> None:
    """One GPU is free at 500, the other at 900; somebody waits before it for the first."""
    held = [on("l-1", 0, max_duration_s=500), on("l-2", 1, max_duration_s=900)]
    before = pending("l-8", make_request(max_duration_s=10_000), 50)
    scenario = Scenario(wants(), held)
    _, expected = look(scenario, before)
    assert expected.latest_at == after(900)
    _, alone = look(scenario)
    assert alone.latest_at == after(500)


def test_a_look_ahead_leaves_the_pool_as_it_was() -> None:
    scenario = SCENARIOS["GPUs of two nodes instead of one"]
    pool = pool_of(scenario)
    before = pool.index.free_bytes.copy(), set(pool.state.waiting.asks), set(pool.state.held)
    advise(pool, "l-9", NOW, lambda _: None)
    assert (pool.index.free_bytes == before[0]).all()
    assert (set(pool.state.waiting.asks), set(pool.state.held)) == before[1:]
