"""Queues, and the policy that they are part of."""

from fastapi import APIRouter

from gpool.api.access import Admin, Pool, User
from gpool.api.pages import Asked, page_in_order
from gpool.api.problems import PROBLEMS
from gpool.controller.policy_desk import policy_revision
from gpool.errors import InvalidInput
from gpool.model.pages import Page
from gpool.model.queue import QueueSettings
from gpool.model.queue_views import PolicyAnswer, PolicyUpdate, QueueView

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["queues"])


@router.get("/queues", operation_id="listQueues", responses=PROBLEMS())
async def list_queues(pool: Pool, _user: User, asked: Asked) -> Page[QueueView]:
    """All queues, the whole pool first, each before those below it."""
    return page_in_order(asked, pool.queue_views(), lambda view: view.settings.name)


@router.get("/queues/{name}", operation_id="getQueue", responses=PROBLEMS(404))
async def get_queue(name: str, pool: Pool, _user: User) -> QueueView:
    """One queue: what it may have, what it has, and who waits."""
    return pool.queue_view(name)


@router.put("/queues/{name}", operation_id="putQueue", responses=PROBLEMS(409))
async def put_queue(name: str, settings: QueueSettings, pool: Pool, admin: Admin) -> QueueView:
    """Make a queue, or change it: it is as the body says from the next cycle on."""
    if name != settings.name:
        raise InvalidInput(f"the body is about queue {settings.name}, the path about {name}; name one of them")
    return await pool.put_queue(settings, admin.name)


@router.delete("/queues/{name}", status_code=204, operation_id="deleteQueue", responses=PROBLEMS(404, 409))
async def delete_queue(name: str, pool: Pool, admin: Admin) -> None:
    """Remove a queue. 409 while it has leases, or queues below it."""
    await pool.remove_queue(name, admin.name)


@router.get("/policy", operation_id="getPolicy", responses=PROBLEMS())
async def get_policy(pool: Pool, _user: User) -> PolicyAnswer:
    """Queues, priority classes, calendars and settings, as one value."""
    return PolicyAnswer(policy=pool.policy, revision=policy_revision(pool.policy))


@router.put("/policy", operation_id="putPolicy", responses=PROBLEMS(409))
async def put_policy(update: PolicyUpdate, pool: Pool, admin: Admin) -> PolicyAnswer:
    """Replace all of it in one step. 409 when leases need what would be gone, or somebody else has changed it."""
    policy = await pool.put_policy(update.policy, admin.name, believed=update.revision, dry_run=update.dry_run)
    return PolicyAnswer(policy=policy, revision=policy_revision(policy))
