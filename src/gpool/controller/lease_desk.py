"""Leases of the live pool: asked for, waited for, renewed, given back, ended in time, forgotten."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta

from gpool.controller.acting import Actor, acting
from gpool.controller.clock import Clock
from gpool.controller.gathering import Gathering
from gpool.controller.keyed import Keyed, keyed_now
from gpool.controller.pool_scheduling import PoolScheduling
from gpool.controller.settings import PoolTimes
from gpool.errors import GpoolError, LeaseOver, UnknownLease
from gpool.lifecycle.lease import Released, Renewed, UseBegan, begin_lease
from gpool.model.lease import Lease, LeaseRequest, LeaseState, LeaseView
from gpool.scheduler.admission import check_possible
from gpool.scheduler.entry import queue_for
from gpool.scheduler.reasons import describe_wish
from gpool.store.pool_store import PoolStore

__all__ = ["LeaseDesk"]

_PLAN_AT_ONCE = 64
"""While fewer requests wait, a new one is answered with its plan."""
_TOGETHER = 128
"""So many requests, or releases, that came at the same time are stored in one transaction."""

_KINDS_KNOWN = 1000
_NO_KIND = {"command", "host", "user", "timeout_s"}
"""Fields of a request that do not matter to whether it is possible."""

_Release = tuple[str, str, Actor | None, Sequence[Keyed]]
"""Lease, by whom, on whose behalf, and the key that the request carries, if any."""
_Ask = tuple[str, LeaseRequest, str | None, Actor | None, Sequence[Keyed]]
"""Owner, request, default queue, on whose behalf, and the key that it carries, if any."""


class LeaseDesk(PoolScheduling):
    """What holders ask of the pool."""

    def __init__(
        self,
        store: PoolStore,
        clock: Clock,
        times: PoolTimes,
        random_bytes: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        super().__init__(store, clock, times, random_bytes)
        self._ask_together = Gathering(self._ask_all, _TOGETHER)
        self._release_together = Gathering(self._release_all, _TOGETHER)
        self._possible: set[str] = set()
        """Kinds of requests that the nodes of version `_possible_in` could grant."""
        self._possible_in = -1

    async def ask(self, owner: str, request: LeaseRequest, *, default_queue: str | None = None) -> Lease:
        """A new lease; it may be active at once. `default_queue`: for a request that names none.

        Raises `ImpossibleRequest`, `UnknownNode`, `UnknownQueue`, `UnknownPriorityClass` or `NotAllowed`.
        """
        return await self._ask_together((owner, request, default_queue, acting.get(), keyed_now()))

    async def _ask_all(self, asks: Sequence[_Ask]) -> list[Lease | GpoolError]:
        """A new lease for each, or why there is none."""
        made: list[str | GpoolError] = []
        async with self._change() as changes:
            carried_out: list[tuple[str, Keyed]] = []
            for owner, request, default_queue, actor, keyed in asks:
                try:
                    queue = queue_for(self.policy, request, owner, default_queue)
                    self._check_possible(request)
                except GpoolError as error:
                    made.append(error)
                    continue
                lease, commands = begin_lease(
                    self._fresh_id("l", self.leases, changes.leases),
                    owner,
                    request,
                    changes.now,
                    queue=queue,
                    renew_every_s=self.times.renew_every_s,
                    lifetime_s=self.times.lifetime_s,
                )
                changes.add_lease(lease, commands)
                changes.audit("lease.request", lease.id, "", f"{describe_wish(request)} in queue {queue}", actor)
                made.append(lease.id)
                carried_out += ((lease.id, asked) for asked in keyed)
            # Behind a long queue, the next cycle looks at all that came meanwhile, once.
            if changes.leases and (self._scheduling is None or self._scheduling.waiting < _PLAN_AT_ONCE):
                self._lay_plan(changes)
            for lease_id, asked in carried_out:
                asked.answered(201, LeaseView(**dict(changes.lease(lease_id)), sessions=()))
            changes.keyed = [asked for _, asked in carried_out]
        return [changes.lease(one) if isinstance(one, str) else one for one in made]

    def _check_possible(self, request: LeaseRequest) -> None:
        """Raise unless the pool could grant such a request. A walk over all GPUs, once for requests of one kind."""
        if self._possible_in != self.nodes_version or len(self._possible) > _KINDS_KNOWN:
            self._possible.clear()
            self._possible_in = self.nodes_version
        kind = request.model_dump_json(exclude=_NO_KIND)
        if kind not in self._possible:
            check_possible(request, self.nodes.values())
            self._possible.add(kind)

    async def lease(self, lease_id: str) -> Lease:
        """The lease, alive or ended. Raises `UnknownLease`."""
        alive = self.leases.get(lease_id)
        found = alive or await self._store.ended_lease(lease_id)
        if found is None:
            raise UnknownLease(f"there is no lease '{lease_id}'; `gpool ps` lists those that are alive")
        return found

    async def ended_leases_after(self, after: tuple[float, str] | None, limit: int, owner: str | None) -> list[Lease]:
        """Leases that have ended, by age: at most `limit` after the one made then (seconds) that has that id."""
        return await self._store.ended_leases_after(after, limit, owner)

    async def leases_that_ended_last(self, limit: int) -> list[Lease]:
        """At most so many, the newest first."""
        return list(await self._store.ended_leases(limit))

    async def renew(self, lease_id: str, *, use: bool = False) -> Lease:
        """The lease with a new expiry; `use`: its holder begins to use it. Raises `UnknownLease` or `LeaseOver`."""
        async with self._change() as changes:
            lease = self.leases.get(lease_id)
            if lease is not None and lease.state in (LeaseState.PENDING, LeaseState.ACTIVE):
                changes.apply_to_lease(lease_id, Renewed())
                if use and lease.state is LeaseState.ACTIVE:
                    changes.apply_to_lease(lease_id, UseBegan())
        if lease is None or lease.state is LeaseState.ENDING:
            over = await self.lease(lease_id)
            raise LeaseOver(
                f"lease {lease_id} is {over.state} ({over.reason}); start the program again for a new lease"
            )
        return self.leases[lease_id]

    async def release(self, lease_id: str, by: str) -> Lease:
        """Give the lease back; it may take its nodes a moment to confirm. Raises `UnknownLease`.

        Nothing happens to a lease that is ending or has ended.
        """
        return await self._release_together((lease_id, by, acting.get(), keyed_now())) or await self.lease(lease_id)

    async def _release_all(self, releases: Sequence[_Release]) -> list[Lease | GpoolError | None]:
        """Release each; the lease afterwards, None for one that is not alive."""
        async with self._change() as changes:
            changes.keyed = [asked for lease_id, _, _, keyed in releases if lease_id in self.leases for asked in keyed]
            for lease_id, by, actor, _ in releases:
                if lease_id in self.leases:
                    before = changes.lease(lease_id).state
                    changes.apply_to_lease(lease_id, Released(by))
                    changes.audit("lease.release", lease_id, str(before), str(changes.lease(lease_id).state), actor)
            for lease_id, _, _, keyed in releases:
                for asked in keyed if lease_id in self.leases else ():
                    lease = changes.lease(lease_id)
                    asked.answered(200, LeaseView(**dict(lease), sessions=self.sessions_of(lease)))
        return [changes.leases.get(lease_id) or self.leases.get(lease_id) for lease_id, *_ in releases]

    async def wait_while(self, lease_id: str, states: frozenset[LeaseState], timeout_s: float) -> None:
        """Return when the lease is in none of these states, when the time is over, or when the controller stops."""
        changed = asyncio.Event()
        watchers = self._watchers.setdefault(lease_id, set())
        watchers.add(changed)
        try:
            async with asyncio.timeout(timeout_s):
                while not self.stopping.is_set():
                    lease = self.leases.get(lease_id)
                    if lease is None or lease.state not in states:
                        return
                    await changed.wait()
                    changed.clear()
        except TimeoutError:
            pass
        finally:
            watchers.discard(changed)
            if not watchers:
                self._watchers.pop(lease_id, None)

    async def forget_old(self) -> int:
        """Delete leases that ended long ago; returns how many."""
        before = self.now() - timedelta(seconds=self.times.keep_ended_s)
        async with self._store.write() as writer:
            await writer.forget_events(before, 0)
            return await writer.forget_ended_leases(before)
