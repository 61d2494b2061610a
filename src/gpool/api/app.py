"""The application: all routers around one live pool."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from gpool.api import (
    agents,
    audit,
    explanations,
    leases,
    login,
    node_care,
    nodes,
    queues,
    service,
    tokens,
    watch,
    what_if,
)
from gpool.api.acting import Acting
from gpool.api.body_limit import BodyLimit
from gpool.api.idempotency import Idempotency, describe_keys
from gpool.api.metrics import PoolNow, TimeRequests, metrics_router
from gpool.api.problems import install_problems
from gpool.api.rate_limit import RateLimit
from gpool.api.repeated_parameters import RepeatedParameters
from gpool.channel.conversation import ChannelTimes
from gpool.controller.live_pool import LivePool
from gpool.model.views import Problem
from gpool.security.rate_limits import RateLimits
from gpool.version import VERSION

__all__ = ["MAX_BODY_BYTES", "create_app"]

MAX_BODY_BYTES = 1 << 20


def create_app(
    pool: LivePool,
    channel_times: ChannelTimes,
    limits: RateLimits | None = None,
    *,
    identity_provider: object | None = None,
    open_metrics: bool = False,
) -> FastAPI:
    """The ASGI application that serves `pool`.

    `limits`: how fast others may ask; None: as fast as they can. `identity_provider`: an `IdentityProvider` by which
    people log in; None: nobody does. `open_metrics`: /metrics needs no token.
    """
    app = FastAPI(
        title="gpool",
        version=VERSION,
        description="A datacenter-level GPU pool. Failures are RFC 9457 problems.",
        openapi_url="/api/v1/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.pool = pool
    app.state.identity_provider = identity_provider
    app.state.channel_times = channel_times
    app.state.heartbeat_s = watch.HEARTBEAT_S
    app.add_middleware(BodyLimit, limit_bytes=MAX_BODY_BYTES)
    app.add_middleware(RepeatedParameters)
    app.add_middleware(Acting)
    app.add_middleware(Idempotency, limit_bytes=MAX_BODY_BYTES)
    if limits is not None and limits.token_per_s > 0:
        app.add_middleware(RateLimit, limits=limits)
    app.add_middleware(TimeRequests)
    install_problems(app)
    for room in (
        *(service, nodes, node_care, leases, explanations, what_if, queues),
        *(tokens, login, audit, watch, agents),
    ):
        app.include_router(room.router)
    app.include_router(metrics_router(is_open=open_metrics))
    pool.counted.registry.register(PoolNow(pool))
    _describe_problems(app)
    return app


def _describe_problems(app: FastAPI) -> None:
    """Put the schema of problems in the OpenAPI document, to which the routes refer."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            document["components"]["schemas"][Problem.__name__] = Problem.model_json_schema()
            _name_bounds(document)
            describe_keys(document)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


# pydantic leaves its own names for the bounds of a union of numbers, which JSON Schema does not know.
_BOUNDS = {"gt": "exclusiveMinimum", "ge": "minimum", "lt": "exclusiveMaximum", "le": "maximum"}


def _name_bounds(schema: Any) -> None:
    if isinstance(schema, list):
        for part in schema:
            _name_bounds(part)
    elif isinstance(schema, dict):
        if "anyOf" in schema:
            for ours, known in _BOUNDS.items():
                if isinstance(schema.get(ours), int | float):
                    schema[known] = schema.pop(ours)
        for part in schema.values():
            _name_bounds(part)
