"""What Prometheus is told is what is the case, and the page, the dashboard and the alerts name what there is."""

import json
import re
from pathlib import Path

import httpx2
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.types import ASGIApp

from gpool.api.app import create_app
from gpool.api.standby import create_standby
from gpool.channel.conversation import ChannelTimes
from gpool.metrics.counted import Counted
from gpool.model.lease import LeaseRequest
from stage.pool import PoolStage, ScriptedNode
from stage.values import GIB

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/prometheus/rules.yaml"
DASHBOARD = ROOT / "deploy/grafana/gpool.json"
FUNCTIONS = {"sum", "by", "rate", "histogram_quantile", "max", "le", "or", "and", "on", "absent"}


async def scraped(stage: PoolStage) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    answer = await stage.http.get("/metrics", headers=stage.as_("ann"))
    assert answer.status_code == 200
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


async def test_a_scrape_says_how_the_pool_is(stage: PoolStage) -> None:
    node = await ScriptedNode.join(stage.pool, "a", 8, 8)
    model = node.gpus[0].name
    stage.clock.advance(7)
    lease = await stage.pool.ask("ann", LeaseRequest(memory_bytes=2 * GIB))
    await stage.pool.run_cycle()
    now = await scraped(stage)

    def of(name: str, **labels: str) -> float:
        return now[name, frozenset(labels.items())]

    assert of("gpool_leading") == 1
    assert of("gpool_nodes", state="ready") == 1
    assert of("gpool_gpus", model=model, state="free") == 1
    assert of("gpool_gpus", model=model, state="used") == 1
    assert of("gpool_gpu_memory_granted_bytes", model=model) == 2 * GIB
    assert of("gpool_vgpus", model=model) == 1
    assert of("gpool_leases", state="active", queue="pool") == 1
    assert of("gpool_queue_used_gpus", queue="pool") == 0.25
    assert of("gpool_lease_wait_seconds_count", queue="pool") == 1
    await stage.pool.release(lease.id, "ann")
    await node.obey()
    now = await scraped(stage)
    assert of("gpool_leases_ended_total", queue="pool") == 1
    assert of("gpool_gpus", model=model, state="free") == 2
    assert of("gpool_api_requests_total", method="GET", route="/metrics", status="200") == 1


async def test_who_may_scrape(stage: PoolStage) -> None:
    assert (await stage.http.get("/metrics")).status_code == 401
    assert (await stage.http.get("/metrics", headers=stage.as_("nodes"))).status_code == 403


async def test_strangers_make_no_labels(stage: PoolStage) -> None:
    for path in ("/one", "/two", "/api/v1/nodes/three"):
        await stage.http.get(path, headers=stage.as_("ann"))
    routes = {labels for name, labels in await scraped(stage) if name == "gpool_api_requests_total"}
    assert {dict(labels)["route"] for labels in routes} == {"none", "/api/v1/nodes/{name}"}


async def anonymous(app: ASGIApp) -> httpx2.Response:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://pool") as http:
        return await http.get("/metrics")


async def test_open_metrics_and_a_controller_that_waits(stage: PoolStage) -> None:
    stage.pool.counted = Counted()  # the stage's own application reads the pool for the other registry
    opened = await anonymous(create_app(stage.pool, ChannelTimes(), open_metrics=True))
    assert (opened.status_code, "gpool_leading 1.0" in opened.text) == (200, True)
    waiting = await anonymous(create_standby(lambda: None))
    assert (waiting.status_code, "gpool_leading 0.0" in waiting.text) == (200, True)


async def names(stage: PoolStage) -> set[str]:
    """What can be asked for: the names of all samples, also of those that nothing has happened to yet."""
    families = [family.name for family in stage.pool.counted.registry.collect()]
    counted = {family.name: family.type for family in stage.pool.counted.registry.collect()}
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
    return {name + suffix for name in families for suffix in suffixes.get(counted[name], ("",))}


async def test_the_page_names_each_metric(stage: PoolStage) -> None:
    await ScriptedNode.join(stage.pool, "a", 8)
    page = (ROOT / "docs/reference/metrics.md").read_text()
    families = {family.name: family for family in stage.pool.counted.registry.collect()}
    told = dict(re.findall(r"^\| `(gpool_\w+)` \| (\w+) \|", page, flags=re.MULTILINE))
    assert told == {name + ("_total" if one.type == "counter" else ""): one.type for name, one in families.items()}


def expressions() -> list[str]:
    rules = [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return rules + [target["expr"] for panel in panels for target in panel["targets"]]


async def test_the_dashboard_and_the_alerts_ask_for_what_there_is(stage: PoolStage) -> None:
    known = await names(stage)
    for expression in expressions():
        bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]|\b(by|on) \([^)]*\)|\"[^\"]*\"", " ", expression)
        words = set(re.findall(r"[a-zA-Z_][a-zA-Z0-9_]*", bare))
        assert {word for word in words if word.startswith("gpool_")}, expression
        assert words <= known | FUNCTIONS, expression
        assert expression.count("(") == expression.count(")"), expression


def test_each_alert_says_what_and_what_next() -> None:
    for group in yaml.safe_load(RULES.read_text())["groups"]:
        for rule in group["rules"]:
            assert rule["labels"]["severity"] in ("page", "ticket")
            assert rule["annotations"].keys() >= {"summary", "what_next"}
