"""What the pool would do."""

from fastapi import APIRouter

from gpool.api.access import Holder, Pool, require_queue
from gpool.api.problems import PROBLEMS
from gpool.model.what_if import WhatIf, WhatIfRequest

__all__ = ["router"]

router = APIRouter(prefix="/api/v1/what-if", tags=["explanations"])


@router.post("", operation_id="whatIf", responses=PROBLEMS(404))
async def what_if(asked: WhatIfRequest, pool: Pool, user: Holder) -> WhatIf:
    """Say what would become of a request now, without making it: where it would be, who would have to give way, how
    long it would wait; and the same of requests that are a little different. Changes nothing."""
    require_queue(pool, user, asked.request.queue or user.queue)
    return await pool.what_if(user.name, asked.request, default_queue=user.queue, variants=asked.variants)
