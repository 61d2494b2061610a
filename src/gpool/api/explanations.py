"""Why, and what has happened."""

from typing import Annotated

from fastapi import APIRouter, Query

from gpool.api.access import Pool, User
from gpool.api.problems import PROBLEMS
from gpool.controller.explaining import explain
from gpool.errors import InvalidInput
from gpool.model.event import Event
from gpool.model.explanation import Explanation

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["explanations"])

# The pattern is told only: what does not match it is answered with a sentence of ours.
_OBJECT = Query(max_length=160, json_schema_extra={"pattern": r"^[^/]+/[\s\S]+$"})


@router.get("/leases/{lease_id}/explain", operation_id="explainLease", responses=PROBLEMS(404))
async def explain_lease(lease_id: str, pool: Pool, _user: User) -> Explanation:
    """Why a lease waits: what is missing, who has it, who comes first; and what has happened to it."""
    return await explain(pool, lease_id)


@router.get("/events", operation_id="listEvents", responses=PROBLEMS())
async def list_events(
    pool: Pool,
    _user: User,
    object: Annotated[str | None, _OBJECT] = None,  # noqa: A002 - the name in the URL
    after: Annotated[int, Query(ge=0, lt=1 << 62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> list[Event]:
    """The last events with ids above `after`, oldest first: of all, or of one object, such as `lease/l-7k3m9qx2`."""
    kind = name = None
    if object is not None:
        kind, slash, name = object.partition("/")
        if not slash or not kind or not name:
            raise InvalidInput(f"'{object[:80]}' names no object; write such as lease/l-7k3m9qx2 or node/node-a")
    return await pool.events_of(kind, name, after, limit)
