"""What a controller answers while another one leads: who that is, and that asking here again may help later."""

from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket, WebSocketDisconnect

from gpool.api.metrics import standby_metrics
from gpool.api.service import authority_view
from gpool.channel.messages import CONNECT_PATH, Refused
from gpool.errors import NotLeading
from gpool.security.pinned_authority import AUTHORITY_PATH
from gpool.store.leadership import Leader

__all__ = ["RETRY_AFTER_S", "create_standby"]

RETRY_AFTER_S = 1
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


def create_standby(who: Callable[[], Leader | None], authority: Callable[[], str | None] = lambda: None) -> ASGIApp:
    """The application of a controller that waits; `who` says who leads, `authority` what the pool's authority is.

    `/healthz` is answered as ever: the process lives; and so are the pool's authority, for those who join, and
    /metrics, which says that it waits. Everything
    else is the problem `not-leading` with `leader`, the URL of the leader's API (null while nobody leads), and
    `Retry-After`. Nobody's token is looked at.
    """

    def _sentence() -> tuple[str, str | None]:
        leader = who()
        if leader is None or leader.left_s <= 0:
            return "no controller leads at the moment; ask again in a few seconds", None
        if not leader.url:
            return f"another controller leads ({leader.holder.partition('/')[2]}); ask that one", None
        return f"another controller leads; ask {leader.url}", leader.url

    async def _health(_request: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def _metrics(_request: Request) -> Response:
        return PlainTextResponse(standby_metrics(), media_type=CONTENT_TYPE_LATEST)

    async def _authority(request: Request) -> Response:
        pem = authority()
        return await _elsewhere(request) if pem is None else JSONResponse(authority_view(pem).model_dump())

    async def _elsewhere(_request: Request) -> Response:
        sentence, url = _sentence()
        error = NotLeading(sentence)
        return JSONResponse(
            error.to_problem() | {"leader": url},
            error.http_status,
            headers={"Retry-After": str(RETRY_AFTER_S)},
            media_type="application/problem+json",
        )

    async def _agent(websocket: WebSocket) -> None:
        await websocket.accept()
        try:
            await websocket.send_text(Refused(reason=_sentence()[0], retry=True).model_dump_json())
            await websocket.close()
        except (WebSocketDisconnect, RuntimeError):
            return  # it has gone already

    return Starlette(
        routes=[
            Route("/healthz", _health, methods=["GET"]),
            Route("/metrics", _metrics, methods=["GET"]),
            Route(AUTHORITY_PATH, _authority, methods=["GET"]),
            WebSocketRoute(CONNECT_PATH, _agent),
            Route("/{path:path}", _elsewhere, methods=_METHODS),
        ]
    )
