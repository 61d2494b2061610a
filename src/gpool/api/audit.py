"""The audit log."""

from typing import Annotated

from fastapi import APIRouter, Query

from gpool.api.access import Admin, Pool
from gpool.api.pages import Asked, whole_number_key
from gpool.api.problems import PROBLEMS
from gpool.model.audit import AuditEntry
from gpool.model.pages import Page

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["audit"])


@router.get("/audit", operation_id="listAudit", responses=PROBLEMS())
async def list_audit(
    pool: Pool,
    _admin: Admin,
    asked: Asked,
    actor: Annotated[str | None, Query(max_length=64)] = None,
    action: Annotated[str | None, Query(max_length=64)] = None,
    subject: Annotated[str | None, Query(alias="object", max_length=256)] = None,
) -> Page[AuditEntry]:
    """Who did what, newest first.

    `action` may be a noun alone, `node`, which stands for everything that was done to nodes.
    """
    before = whole_number_key(asked.after)
    found = await pool.audit_entries(asked.limit + 1, before, actor=actor, action=action, subject=subject)
    shown = found[: asked.limit]
    return asked.page(shown, str(shown[-1].id) if len(found) > len(shown) else None)
