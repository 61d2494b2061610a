"""Watching the pool: server-sent events.

    id: RUN-NUMBER          with this as Last-Event-ID the next watch goes on behind it
    event: lease | node     data: the lease or node as it is now, a JSON object
    event: removed          data: {"node": NAME}; it is not part of the pool any more
    event: reset            data: {"reason": …}; forget everything: the whole of the present follows
    event: synced           data: {}; everything up to here was the present, what follows are changes
    : heartbeat             a comment, so that both sides notice when the other is gone

Nothing is buffered for a watcher but one batch. One that reads too slowly loses its place in the pool's bounded memory
of changes, gets `reset`, and the present anew.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from gpool.api.access import Pool, User
from gpool.api.problems import PROBLEMS
from gpool.controller.feed import Change, Removed, Thing, TooLate
from gpool.controller.live_pool import LivePool
from gpool.controller.views import lease_view
from gpool.errors import Unavailable
from gpool.model.lease import Lease
from gpool.model.node import Node
from gpool.model.token import Token, TokenName

__all__ = ["HEARTBEAT_S", "MAX_WATCHING", "router"]

HEARTBEAT_S = 15.0
MAX_WATCHING = 1000
_BATCH = 200
_HEARTBEAT = ": heartbeat\n\n"

Kind = Literal["lease", "node"]

router = APIRouter(prefix="/api/v1/watch", tags=["watch"])

_STREAM: dict[int | str, dict[str, object]] = {
    200: {
        "description": "Events `lease`, `node`, `removed`, `reset` and `synced`, until one side ends it.",
        "content": {
            "text/event-stream": {
                "schema": {
                    "type": "object",
                    "description": "One event.",
                    "properties": {
                        "id": {"type": "string"},
                        "event": {"enum": ["lease", "node", "removed", "reset", "synced"]},
                        "data": {"type": "string", "contentMediaType": "application/json"},
                    },
                }
            }
        },
    }
}


class _EventStream(StreamingResponse):
    media_type = "text/event-stream"


@router.get("", operation_id="watch", response_class=_EventStream, response_model=None, responses=PROBLEMS() | _STREAM)
async def watch(
    request: Request,
    pool: Pool,
    user: User,
    kind: Annotated[list[Kind] | None, Query(description="Only of this kind; leases and nodes without it.")] = None,
    owner: Annotated[TokenName | None, Query(description="Of leases, only those of that owner.")] = None,
    lease: Annotated[str | None, Query(max_length=64, description="Of leases, only that one.")] = None,
    timeout_s: Annotated[
        float, Query(gt=0, le=86_400, allow_inf_nan=False, description="End the stream after so many seconds.")
    ] = 3600.0,
    last_event_id: Annotated[
        str | None, Header(max_length=128, description="Id of the last event that was seen; the watch goes on there.")
    ] = None,
) -> StreamingResponse:
    """Follow leases and nodes as server-sent events: the present, `synced`, then every change.

    With `Last-Event-ID`, only what has changed since; or `reset` and the present, if that is too long ago. The stream
    ends after `timeout_s`, and when this controller stops or no longer leads: then watch again, with the last id. It
    also ends when the token is no longer good.
    """
    if pool.feed.watching >= MAX_WATCHING:
        raise Unavailable(f"{MAX_WATCHING} watch already; try again later, or ask with wait_s")
    seen = None if not last_event_id else _parse(last_event_id)
    watcher = _Watcher(pool, user, frozenset(kind or ("lease", "node")), owner, lease)
    heartbeat_s: float = request.app.state.heartbeat_s
    return _EventStream(
        watcher.events(seen, timeout_s, heartbeat_s),
        # A reverse proxy must hand on each event at once.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


class _Watcher:
    def __init__(
        self, pool: LivePool, user: Token, kinds: frozenset[str], owner: str | None, lease: str | None
    ) -> None:
        self._pool = pool
        self._user = user
        self._kinds = kinds
        self._owner = owner
        self._lease = lease

    async def events(self, seen: tuple[str, int] | None, timeout_s: float, heartbeat_s: float) -> AsyncIterator[str]:
        """The stream, in pieces."""
        feed = self._pool.feed
        feed.watching += 1
        try:
            loop = asyncio.get_running_loop()
            until_s = loop.time() + timeout_s
            if seen is None or seen[0] != feed.run:
                at, pieces = self._present(None if seen is None else "another controller leads now")
                for piece in pieces:
                    yield piece
            else:
                at = seen[1]
            while (left_s := until_s - loop.time()) > 0 and self._goes_on():
                try:
                    changes = feed.since(at, _BATCH)
                except TooLate:
                    at, pieces = self._present("the changes since the last event are not remembered any more")
                    for piece in pieces:
                        yield piece
                    continue
                if changes:
                    at = changes[-1].number
                    text = "".join(self._event(change) for change in changes)
                    # What does not concern this watcher moves its place on all the same.
                    yield text or f"id: {feed.run}-{at}\n\n"
                    continue
                await feed.wait(at, min(left_s, heartbeat_s))
                if feed.last == at and self._goes_on():
                    yield _HEARTBEAT
        finally:
            feed.watching -= 1

    def _goes_on(self) -> bool:
        return not self._pool.stopping.is_set() and self._pool.is_good(self._user)

    def _present(self, reason: str | None) -> tuple[int, Iterable[str]]:
        """Everything as it is now, and the number of the change up to which that is."""
        at = self._pool.feed.last
        things: list[Lease | Node] = []
        if "node" in self._kinds:
            things += self._pool.nodes.values()
        if "lease" in self._kinds:
            things += (lease for lease in self._pool.leases.values() if self._concerns(lease))
        return at, self._told(at, things, reason)

    def _told(self, at: int, things: list[Lease | Node], reason: str | None) -> Iterable[str]:
        if reason is not None:
            yield f"event: reset\ndata: {json.dumps({'reason': reason})}\n\n"
        for start in range(0, len(things), _BATCH):
            yield "".join(self._text(thing) for thing in things[start : start + _BATCH])
        yield f"id: {self._pool.feed.run}-{at}\nevent: synced\ndata: {{}}\n\n"

    def _concerns(self, what: Thing) -> bool:
        if isinstance(what, Node | Removed):
            return "node" in self._kinds
        return "lease" in self._kinds and self._owner in (None, what.owner) and self._lease in (None, what.id)

    def _event(self, change: Change) -> str:
        if not self._concerns(change.what):
            return ""
        return f"id: {self._pool.feed.run}-{change.number}\n{self._text(change.what)}"

    def _text(self, what: Thing) -> str:
        if isinstance(what, Removed):
            return f"event: removed\ndata: {json.dumps({'node': what.node})}\n\n"
        if isinstance(what, Node):
            return f"event: node\ndata: {what.model_dump_json()}\n\n"
        return f"event: lease\ndata: {lease_view(self._pool, what).model_dump_json()}\n\n"


def _parse(last_event_id: str) -> tuple[str, int]:
    """The feed and the number in it. An id that none of ours can be is of another feed, which gets a fresh start."""
    run, _, number = last_event_id.strip().rpartition("-")
    return (run, int(number)) if number.isascii() and number.isdecimal() else ("", 0)
