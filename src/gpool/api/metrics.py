"""What Prometheus scrapes: docs/reference/metrics.md."""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Iterator
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gpool.api.access import Pool, User
from gpool.api.problems import PROBLEMS
from gpool.controller.live_pool import LivePool
from gpool.controller.views import gpu_views
from gpool.model.node import NodeState
from gpool.version import VERSION

__all__ = ["PoolNow", "TimeRequests", "metrics_router", "standby_metrics"]

GPU_STATES = ("free", "used", "unavailable")


class PoolNow(Collector):
    """Reads the pool at the moment of a scrape. One walk over its GPUs and leases."""

    def __init__(self, pool: LivePool) -> None:
        self._pool = pool

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """See prometheus_client."""
        yield from _leadership(leading=True)
        yield from self._nodes()
        yield from self._gpus()
        yield from self._leases()
        yield from self._queues()

    def _nodes(self) -> Iterator[GaugeMetricFamily]:
        nodes = GaugeMetricFamily("gpool_nodes", "Nodes by state.", labels=["state"])
        states = Tally(node.state for node in self._pool.nodes.values())
        for state in NodeState:
            nodes.add_metric([str(state)], states[state])
        yield nodes
        cordoned = sum(node.cordon is not None for node in self._pool.nodes.values())
        yield GaugeMetricFamily("gpool_nodes_cordoned", "Nodes that take nothing new.", cordoned)

    def _gpus(self) -> Iterator[GaugeMetricFamily]:
        states: Tally[tuple[str, str]] = Tally()
        totals: dict[str, Tally[str]] = {name: Tally() for name in ("memory", "granted", "used", "vgpus", "reserved")}
        for node in self._pool.nodes.values():
            for gpu in gpu_views(self._pool, node):
                gone = node.state is not NodeState.READY or gpu.out is not None
                states[gpu.name, "unavailable" if gone else "used" if gpu.vgpus else "free"] += 1
                totals["memory"][gpu.name] += gpu.memory_bytes
                totals["granted"][gpu.name] += gpu.memory_granted_bytes
                totals["used"][gpu.name] += gpu.memory_used_bytes
                totals["vgpus"][gpu.name] += len(gpu.vgpus)
                totals["reserved"][gpu.name] += gpu.compute_reserved_permille
        gpus = GaugeMetricFamily("gpool_gpus", "GPUs by model and state.", labels=["model", "state"])
        for model in totals["memory"]:
            for state in GPU_STATES:
                gpus.add_metric([model, state], states[model, state])
        yield gpus
        for name, words, key, scale in (
            ("gpool_gpu_memory_bytes", "Memory of the GPUs.", "memory", 1),
            ("gpool_gpu_memory_granted_bytes", "Memory that vGPUs have been granted.", "granted", 1),
            ("gpool_gpu_memory_used_bytes", "Memory in use, as nodes said last.", "used", 1),
            ("gpool_vgpus", "vGPUs that leases hold.", "vgpus", 1),
            ("gpool_gpu_compute_reserved", "Compute that vGPUs have reserved, in GPUs.", "reserved", 1000),
        ):
            family = GaugeMetricFamily(name, words, labels=["model"])
            for model, value in totals[key].items():
                family.add_metric([model], value / scale)
            yield family

    def _leases(self) -> Iterator[GaugeMetricFamily]:
        leases = GaugeMetricFamily("gpool_leases", "Leases that are alive.", labels=["state", "queue"])
        for (state, queue), count in Tally((str(one.state), one.queue) for one in self._pool.leases.values()).items():
            leases.add_metric([state, queue], count)
        yield leases
        warned = sum(lease.eviction is not None for lease in self._pool.leases.values())
        yield GaugeMetricFamily("gpool_leases_to_be_evicted", "Leases that have been warned of their end.", warned)

    def _queues(self) -> Iterator[GaugeMetricFamily]:
        named = {
            "guarantee": GaugeMetricFamily(
                "gpool_queue_guarantee_gpus", "What the queue can always have.", labels=["queue"]
            ),
            "used": GaugeMetricFamily("gpool_queue_used_gpus", "What its leases hold.", labels=["queue"]),
            "borrowed": GaugeMetricFamily(
                "gpool_queue_borrowed_gpus", "What of it is above its guarantee.", labels=["queue"]
            ),
            "waiting": GaugeMetricFamily("gpool_queue_waiting_leases", "Leases that wait.", labels=["queue"]),
        }
        for queue in self._pool.queue_views():
            name = queue.settings.name
            named["guarantee"].add_metric([name], queue.guarantee_gpus)
            named["used"].add_metric([name], queue.used_gpus)
            named["borrowed"].add_metric([name], queue.borrowed_gpus)
            named["waiting"].add_metric([name], queue.waiting)
        yield from named.values()


def _leadership(*, leading: bool) -> Iterator[GaugeMetricFamily]:
    info = GaugeMetricFamily("gpool_build_info", "1; the version is a label.", labels=["version"])
    info.add_metric([VERSION], 1)
    yield info
    yield GaugeMetricFamily("gpool_leading", "1 while this controller leads the pool, else 0.", int(leading))


class _Standby(Collector):
    def collect(self) -> Iterable[GaugeMetricFamily]:
        yield from _leadership(leading=False)


def standby_metrics() -> bytes:
    """What a controller that waits to lead answers: that it waits."""
    registry = CollectorRegistry()
    registry.register(_Standby())
    return generate_latest(registry)


async def _nobody() -> None:
    """For a controller whose metrics are open to everybody."""


def metrics_router(*, is_open: bool) -> APIRouter:
    """`GET /metrics`. `is_open`: to everybody; else to whoever may see the pool."""
    router = APIRouter(tags=["service"])
    caller = Annotated[None, Depends(_nobody)] if is_open else User

    @router.get("/metrics", operation_id="getMetrics", response_class=PlainTextResponse, responses=PROBLEMS())
    async def get_metrics(pool: Pool, _caller: caller) -> PlainTextResponse:  # type: ignore[valid-type]
        """The pool in Prometheus' text format."""
        return PlainTextResponse(generate_latest(pool.counted.registry), media_type=CONTENT_TYPE_LATEST)

    return router


class TimeRequests:
    """ASGI middleware: counts requests by route and status, and times those that are answered at once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        pool: LivePool = scope["app"].state.pool
        status = 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        began_s = time.perf_counter()
        try:
            await self._app(scope, receive, note)
        finally:
            # The template, not the path: what nobody serves has none, or a stranger could make labels without end.
            route = getattr(scope.get("route"), "path", "none")
            method = scope["method"] if route != "none" else "any"
            pool.counted.requests.labels(method, route, str(status)).inc()
            if b"wait_s=" not in scope["query_string"] and not route.endswith("/watch"):
                pool.counted.request_time.labels(method, route).observe(time.perf_counter() - began_s)
