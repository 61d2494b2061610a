"""Rules of one's own, from a package that is found as an installed one is."""

import tomllib
from pathlib import Path

import pytest

from gpool.errors import InvalidInput
from gpool.model.lease import LeaseState
from gpool.model.policy import Policy, PoolSettings, RuleSettings
from stage.pool import PoolStage, ScriptedNode, open_pool
from stage.values import FakeClock, make_request

EXAMPLE = Path(__file__).parents[2] / "examples" / "own-rules"

WORSE = """
class Raises:
    def points(self, node, wanted):
        raise KeyError("no such rack")
    def allows(self, node, wanted):
        return None
    def rank(self, request, owner, queue):
        return float("nan")

class NoRule:
    pass
"""


@pytest.fixture(autouse=True)
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The example, and a worse one, as an installer leaves them: modules, and what they say of themselves beside."""
    site = tmp_path / "site"
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    worse = {"raises": "worse_gpool_rules:Raises", "no-rule": "worse_gpool_rules:NoRule", "gone": "not_there:Rule"}
    for name, entries in ((project["name"], project["entry-points"]["gpool.rules"]), ("worse", worse)):
        about = site / f"{name.replace('-', '_')}-1.0.dist-info"
        about.mkdir(parents=True)
        (about / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: 1.0\n")
        lines = "".join(f"{rule} = {place}\n" for rule, place in entries.items())
        (about / "entry_points.txt").write_text(f"[gpool.rules]\n{lines}")
    (site / "worse_gpool_rules.py").write_text(WORSE)
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.syspath_prepend(str(site))
    return site


async def use(stage: PoolStage, *rules: RuleSettings) -> None:
    await stage.pool.put_policy(Policy(settings=PoolSettings(rules=rules)), "root")


async def told_of(stage: PoolStage, rule: str) -> list[str]:
    return [event.message for event in await stage.pool.events_of("rule", rule)]


async def test_a_score_chooses_the_node_by_its_weight_and_forgets_nothing_of_labels(stage: PoolStage) -> None:
    for name in ("a", "b", "c"):
        await ScriptedNode.join(stage.pool, name, 8, 8)
    first = await stage.pool.ask("ann", make_request(gib=1))
    assert first.nodes == ("a",)
    await stage.pool.set_labels("c", {"power": "solar"})
    await use(stage, RuleSettings(name="prefer-label", options={"key": "power", "value": "solar"}))
    assert (await stage.pool.ask("ann", make_request(gib=1))).nodes == ("c",)
    await stage.pool.set_labels("c", {"power": None})
    await stage.pool.set_labels("b", {"power": "solar"})
    assert (await stage.pool.ask("ann", make_request(gib=1))).nodes == ("b",)
    await use(stage, RuleSettings(name="prefer-label", weight=-1, options={"key": "power", "value": "solar"}))
    assert (await stage.pool.ask("ann", make_request(gib=1))).nodes != ("b",)


async def test_a_filter_keeps_requests_away_and_says_so(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    await stage.pool.set_labels("a", {"whole-only": "yes"})
    await use(stage, RuleSettings(name="keep-whole"))
    share = await stage.pool.ask("ann", make_request(gib=1))
    assert share.reason == (
        "wants 1 vGPU of 1 GiB; the pool's own rules (keep-whole) allow none of the nodes that would do"
    )
    whole = await stage.pool.ask("ann", make_request())
    assert whole.state is LeaseState.ACTIVE
    await ScriptedNode.join(stage.pool, "b", 8)
    await stage.pool.run_cycle()
    assert (await stage.pool.lease(share.id)).nodes == ("b",)


async def test_an_order_decides_within_a_priority(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8)
    await use(stage, RuleSettings(name="short-first", options={"short_s": 60}))
    running = await stage.pool.ask("ann", make_request())
    patient = await stage.pool.ask("ann", make_request())
    stage.clock.advance(1)
    short = await stage.pool.ask("bob", make_request(max_duration_s=30))
    urgent = await stage.pool.ask("eve", make_request(priority="high"))
    order = []
    for _ in range(3):
        await stage.pool.release(running.id, "ann")
        await node.obey()
        await stage.pool.run_cycle()
        (running,) = [lease for lease in stage.pool.leases.values() if lease.state is LeaseState.ACTIVE]
        order.append(running.id)
    assert order == [urgent.id, short.id, patient.id]
    # Those who wait are put into the new order as well.
    first = await stage.pool.ask("ann", make_request())
    stage.clock.advance(1)
    second = await stage.pool.ask("ann", make_request(max_duration_s=30))
    await use(stage)
    await stage.pool.release(running.id, "ann")
    await node.obey()
    await stage.pool.run_cycle()
    assert await stage.state_of(first) is LeaseState.ACTIVE
    assert await stage.state_of(second) is LeaseState.PENDING


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (RuleSettings(name="nobodys"), "there is no rule 'nobodys' among the packages of this controller (gone, keep-"),
        (RuleSettings(name="gone"), "the rule 'gone' (not_there:Rule) cannot be made: ModuleNotFoundError"),
        (RuleSettings(name="prefer-label"), "the rule 'prefer-label' (example_gpool_rules:PreferLabel) cannot be made"),
        (RuleSettings(name="no-rule"), "has none of the methods allows, points, rank; see gpool.rules"),
    ],
)
async def test_a_rule_that_cannot_be_had_is_refused(stage: PoolStage, rule: RuleSettings, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence.replace("(", r"\(").replace(")", r"\)")):
        await use(stage, rule)
    assert stage.pool.policy.settings.rules == ()


async def test_a_rule_that_fails_is_as_if_it_were_not_there_and_is_told(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8, 8, 8, 8)
    await use(stage, RuleSettings(name="raises"))
    for _ in range(15):
        lease = await stage.pool.ask("ann", make_request(gib=1))
        assert lease.state is LeaseState.ACTIVE
        await stage.pool.release(lease.id, "ann")
        await node.obey()
    first, last = await told_of(stage, "raises")
    assert first.startswith("it failed, and was left out of that decision: ValueError: it answered with nan")
    assert last.startswith("it failed 20 times, and is left out until the settings change: ")


async def test_a_controller_without_the_package_goes_on_without_the_rule(tmp_path: Path, packages: Path) -> None:
    clock = FakeClock()
    async with open_pool(tmp_path / "gpool.db", clock) as before:
        await use(before, RuleSettings(name="keep-whole"))
    (packages / "example_gpool_rules-1.0.dist-info" / "entry_points.txt").write_text("")
    async with open_pool(tmp_path / "gpool.db", clock) as stage:
        await ScriptedNode.join(stage.pool, "a", 8)
        await stage.pool.run_cycle()
        assert (await stage.pool.ask("ann", make_request(gib=1))).state is LeaseState.ACTIVE
        (problem,) = await told_of(stage, "keep-whole")
        assert problem.startswith("it is left out: there is no rule 'keep-whole'")
        # Other settings may be changed all the same; the rule may go.
        await use(stage)
