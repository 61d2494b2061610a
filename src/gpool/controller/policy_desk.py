"""Queues, priority classes, calendars and settings of the live pool: changed whole, in force from the next cycle on."""

import hashlib
from collections import Counter
from collections.abc import Callable

import structlog

from gpool.controller.events import policy_differences, policy_notes
from gpool.controller.pool_scheduling import PoolScheduling
from gpool.errors import PolicyInUse, StaleWrite, UnknownQueue
from gpool.model.base import Model
from gpool.model.policy import Policy
from gpool.model.queue import ROOT, QueueSettings
from gpool.model.queue_views import QueueView, UserUse
from gpool.scheduler.calendars import period_at
from gpool.scheduler.queues import Queue
from gpool.scheduler.state import SchedulerState
from gpool.scheduler.tree import check_policy, declared

__all__ = ["PolicyDesk", "policy_revision"]

log = structlog.get_logger("gpool.pool")


def policy_revision(policy: Policy) -> str:
    """What tells this policy from others."""
    return hashlib.sha256(policy.model_dump_json().encode()).hexdigest()[:32]


class PolicyDesk(PoolScheduling):
    """How the pool is shared."""

    async def put_policy(
        self, policy: Policy, by: str, *, believed: str | None = None, dry_run: bool = False
    ) -> Policy:
        """Share by this policy from now on. `believed`: revision of the policy that it is to take the place of.

        Raises `InvalidInput` for one that makes no sense, `PolicyInUse` when leases need what is no longer in it,
        `StaleWrite` when another one is in force than believed.
        """

        def replace(current: Policy) -> Policy:
            if believed is not None and believed != policy_revision(current):
                raise StaleWrite("the policy has been changed by somebody else meanwhile; look at it again")
            return policy

        return await self._edit(replace, by, dry_run)

    async def put_queue(self, settings: QueueSettings, by: str) -> QueueView:
        """Make a queue, or change it. Raises as `put_policy`."""

        def put(policy: Policy) -> Policy:
            others = [queue for queue in policy.queues if queue.name != settings.name]
            return policy.model_copy(update={"queues": (*others, settings)})

        await self._edit(put, by)
        return self.queue_view(settings.name)

    async def remove_queue(self, name: str, by: str) -> None:
        """Remove a queue. Raises `UnknownQueue`, and `PolicyInUse` while it has leases, or queues below it."""

        def remove(policy: Policy) -> Policy:
            self._known(name)
            below = sorted(queue.name for queue in policy.queues if queue.parent == name and queue.name != name)
            if below and name != ROOT:
                raise PolicyInUse(f"queue {name} has queues below it ({', '.join(below)}); remove or move these first")
            return policy.model_copy(update={"queues": tuple(q for q in policy.queues if q.name != name)})

        await self._edit(remove, by)

    async def _edit(self, edit: Callable[[Policy], Policy], by: str, dry_run: bool = False) -> Policy:
        async with self._change() as changes:
            policy = _in_order(edit(self.policy))
            check_policy(policy, changes.now)
            self._check_unused(policy)
            if policy.settings.rules != self.policy.settings.rules:
                self._rule_book.check(policy.settings.rules)
            if not dry_run and policy != self.policy:
                changes.policy = policy
                changes.notes += policy_notes(self.policy, policy, by)
                for kind, name, was, became in policy_differences(self.policy, policy):
                    verb = "remove" if became is None else "put"
                    changes.audit(f"{kind}.{verb}", name, _document(was), _document(became))
                log.info("policy", by=by, queues=len(policy.queues))
        return policy

    def _check_unused(self, policy: Policy) -> None:
        """Raise `PolicyInUse` for what leases name and the policy would no longer have."""
        queues = {queue.name for queue in policy.queues} | {ROOT}
        classes = policy.classes()
        lost = Counter(lease.queue for lease in self.leases.values() if lease.queue not in queues)
        for name, count in sorted(lost.items()):
            are = f"is {count} lease" if count == 1 else f"are {count} leases"
            raise PolicyInUse(f"there {are} in queue {name}; release them or wait for their end, then remove it")
        for lease in self.leases.values():
            if lease.request.priority not in classes:
                raise PolicyInUse(
                    f"lease {lease.id} is of the priority class {lease.request.priority}; wait for its end"
                )

    def queue_views(self) -> list[QueueView]:
        """All queues, the whole pool first, each before those below it."""
        return [self.queue_view(name) for name in self._names_in_order()]

    def queue_view(self, name: str) -> QueueView:
        """One queue as it is now. Raises `UnknownQueue`."""
        settings = self._known(name)
        now = self.now()
        scheduler = self._scheduler(now)
        scheduler.turn_calendars(now)
        state = scheduler.state
        state.settle(now.timestamp())
        accounts, tree = state.accounts, state.tree
        queue: Queue = tree.queues[name]
        calendar = next((found for found in self.policy.calendars if found.name == settings.calendar), None)
        period = period_at(calendar, now) if calendar else None
        inside = [leaf for leaf in tree.queues if name in tree.paths[leaf]]
        users = [
            UserUse(
                user=leaf.partition("/")[2],
                used_gpus=_told(accounts.used(leaf)),
                waiting=_waiting_in(state, leaf),
            )
            for leaf in tree.children[name]
            if tree.queues[leaf].derived and not leaf.endswith("/*")
        ]
        used = accounts.used(name)
        return QueueView(
            settings=settings,
            period=period.name if period else None,
            guarantee_gpus=queue.guarantee,
            limit_gpus=None if queue.limit == float("inf") else queue.limit,
            weight=queue.weight,
            used_gpus=_told(used),
            borrowed_gpus=_told(max(0.0, used - queue.guarantee)) if name != ROOT else 0.0,
            average_gpus=_told(accounts.average(name, now.timestamp())),
            leases=sum(len(list(state.held_in(leaf))) for leaf in inside),
            waiting=sum(_waiting_in(state, leaf) for leaf in inside),
            pool_gpus=accounts.capacity.gpus,
            below=tuple(sorted(child for child in tree.children[name] if not tree.queues[child].derived)),
            users=tuple(sorted((use for use in users if use.used_gpus or use.waiting), key=lambda use: use.user)),
        )

    def _known(self, name: str) -> QueueSettings:
        found = next((queue for queue in self.policy.queues if queue.name == declared(name)), None)
        if found is None and name == ROOT:
            return QueueSettings(name=ROOT)
        if found is None:
            names = ", ".join(sorted({queue.name for queue in self.policy.queues} | {ROOT}))
            raise UnknownQueue(f"there is no queue '{name}'; the pool's queues are: {names}")
        return found

    def _names_in_order(self) -> list[str]:
        below: dict[str, list[str]] = {}
        for queue in self.policy.queues:
            if queue.name != ROOT:
                below.setdefault(queue.parent, []).append(queue.name)
        names, stack = [], [ROOT]
        while stack:
            name = stack.pop()
            names.append(name)
            stack += sorted(below.get(name, ()), reverse=True)
        return names


def _in_order(policy: Policy) -> Policy:
    """The same policy however it was put together."""
    return policy.model_copy(
        update={
            "queues": tuple(sorted(policy.queues, key=lambda found: found.name)),
            "priority_classes": tuple(sorted(policy.priority_classes, key=lambda found: found.name)),
            "calendars": tuple(sorted(policy.calendars, key=lambda found: found.name)),
        }
    )


def _waiting_in(state: SchedulerState, leaf: str) -> int:
    return sum(len(alike) for alike in state.waiting.by_queue.get(leaf, {}).values())


def _told(gpus: float) -> float:
    return max(0.0, round(gpus, 3))


def _document(part: Model | None) -> str:
    """Part of a policy, for the audit log."""
    return "" if part is None else part.model_dump_json()[:1024]
