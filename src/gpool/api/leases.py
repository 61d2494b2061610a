"""Requests and leases."""

import asyncio
from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request

from gpool.api.access import Holder, LateHolder, Pool, User, require_holder, require_queue
from gpool.api.pages import MAX_LIMIT, Asked, AskedPage, page_of, timed_key, timed_key_parts
from gpool.api.problems import PROBLEMS
from gpool.controller.live_pool import LivePool
from gpool.controller.views import lease_view, renew_answer
from gpool.errors import LeaseOver
from gpool.model.base import NodeName
from gpool.model.lease import Lease, LeaseRequest, LeaseState, LeaseView
from gpool.model.pages import Page
from gpool.model.token import Action, Token, TokenName
from gpool.model.views import RenewAnswer
from gpool.security.roles import allows

__all__ = ["MAX_WAIT_S", "router"]

MAX_WAIT_S = 60.0

# In these a lease stays until something happens that is not in its holder's hands.
_PASSING = frozenset({LeaseState.PENDING, LeaseState.ENDING})

router = APIRouter(prefix="/api/v1/leases", tags=["leases"])


@router.post("", status_code=201, operation_id="createLease", responses=PROBLEMS(404, 409))
async def create_lease(request: LeaseRequest, pool: Pool, user: Holder) -> LeaseView:
    """Ask for vGPUs. The lease is active at once if they are free, else pending, with the reason.

    409 for what this pool could never grant, 404 for a node, queue or priority class that it does not have.
    """
    require_queue(pool, user, request.queue or user.queue)
    return lease_view(pool, await pool.ask(user.name, request, default_queue=user.queue))


@router.get("", operation_id="listLeases", responses=PROBLEMS())
async def list_leases(
    pool: Pool,
    _user: User,
    asked: Asked,
    state: Annotated[list[LeaseState] | None, Query(description="In one of these states.")] = None,
    owner: Annotated[TokenName | None, Query(description="Asked for by that token's name.")] = None,
    node: Annotated[NodeName | None, Query(description="With a vGPU there.")] = None,
) -> Page[LeaseView]:
    """Leases by age, oldest first: those that are not ended, or those in the states asked for."""
    wanted = set(state) if state else set(LeaseState) - {LeaseState.ENDED}

    def fits(lease: Lease) -> bool:
        return owner in (None, lease.owner) and (node is None or node in lease.nodes)

    found = {lease.id: lease for lease in pool.leases.values() if lease.state in wanted and fits(lease)}
    if LeaseState.ENDED in wanted:
        found |= {lease.id: lease for lease in await _ended(pool, asked, owner, fits)}
    return page_of(asked, found.values(), _key, lambda lease: lease_view(pool, lease))


def _key(lease: Lease) -> str:
    return timed_key(lease.created_at.timestamp(), lease.id)


async def _ended(pool: LivePool, asked: AskedPage, owner: str | None, fits: Callable[[Lease], bool]) -> list[Lease]:
    """One more ended lease than the page can show, if there are so many."""
    found: list[Lease] = []
    after = timed_key_parts(asked.after)
    while len(found) <= asked.limit:
        batch = await pool.ended_leases_after(after, MAX_LIMIT, owner)
        found += (lease for lease in batch if fits(lease))
        if len(batch) < MAX_LIMIT:
            break
        after = (batch[-1].created_at.timestamp(), batch[-1].id)
    return found


@router.get("/{lease_id}", operation_id="getLease", responses=PROBLEMS(404))
async def get_lease(
    lease_id: str,
    request: Request,
    pool: Pool,
    user: User,
    wait_s: Annotated[float, Query(ge=0, le=MAX_WAIT_S, allow_inf_nan=False)] = 0.0,
    while_: Annotated[LeaseState | None, Query(alias="while")] = None,
) -> LeaseView:
    """One lease. With `wait_s` (seconds) the answer is held back while the lease is in the state `while`.

    Without `while`, it is held back while the lease is pending or ending: the states that pass by themselves. A holder
    that waits so for its pending lease also renews it.
    """
    lease = await pool.lease(lease_id)
    if wait_s > 0:
        await _wait(request, pool, user, lease, frozenset({while_}) if while_ else _PASSING, wait_s)
        lease = await pool.lease(lease_id)
    return lease_view(pool, lease)


async def _wait(
    request: Request, pool: LivePool, user: Token, lease: Lease, states: frozenset[LeaseState], wait_s: float
) -> None:
    # In slices no longer than the renewal interval: a holder that has gone must not be renewed by its own question.
    loop = asyncio.get_running_loop()
    until_s = loop.time() + wait_s
    while (left_s := until_s - loop.time()) > 0 and not pool.stopping.is_set():
        current = pool.leases.get(lease.id)
        if current is None or current.state not in states:
            return
        if current.state is LeaseState.PENDING and user.name == current.owner and allows(user, Action.LEASE):
            if await request.is_disconnected():
                return
            try:
                await pool.renew(lease.id)
            except LeaseOver:
                return
        await pool.wait_while(lease.id, states, min(left_s, lease.renew_every_s))


@router.post("/{lease_id}/renew", operation_id="renewLease", responses=PROBLEMS(404, 409))
async def renew_lease(lease_id: str, pool: Pool, user: LateHolder, use: bool = False) -> RenewAnswer:
    """Say that the holder lives. An active lease comes with fresh tickets. 409 when it is ending or has ended.

    A `movable` lease comes without, until its holder says with `use` that it begins: from then on its vGPUs stay.
    """
    require_holder(pool, user, await pool.lease(lease_id))
    return renew_answer(pool, await pool.renew(lease_id, use=use))


@router.delete("/{lease_id}", operation_id="releaseLease", responses=PROBLEMS(404))
async def release_lease(lease_id: str, pool: Pool, user: LateHolder) -> LeaseView:
    """Give a lease back. It is `ending` until its nodes have confirmed; releasing it again changes nothing."""
    require_holder(pool, user, await pool.lease(lease_id))
    return lease_view(pool, await pool.release(lease_id, user.name))
