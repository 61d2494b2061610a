"""The audit log."""

from typing import Annotated

from fastapi import APIRouter, Query

from gpool.api.access import Admin, Pool
from gpool.api.problems import PROBLEMS
from gpool.model.audit import AuditEntry

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["audit"])

_MOST = 1000


@router.get("/audit", operation_id="listAudit", responses=PROBLEMS())
async def list_audit(
    pool: Pool,
    _admin: Admin,
    actor: Annotated[str | None, Query(max_length=64)] = None,
    action: Annotated[str | None, Query(max_length=64)] = None,
    subject: Annotated[str | None, Query(alias="object", max_length=256)] = None,
    before: Annotated[int | None, Query(ge=1, lt=1 << 63)] = None,
    limit: Annotated[int, Query(ge=1, le=_MOST)] = 100,
) -> list[AuditEntry]:
    """Who did what, newest first. The next page is that `before` the smallest id of this one.

    `action` may be a noun alone, `node`, which stands for everything that was done to nodes.
    """
    return await pool.audit_entries(limit, before, actor=actor, action=action, subject=subject)
