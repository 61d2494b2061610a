"""From queues as an administrator describes them to the tree that the scheduler shares by: pure, at one moment.

Only a leaf of the tree has asks of its own, or they would compete with whole queues below. So what is asked for in a
queue that has others below it counts as a queue of its own there (`NAME/*`), and where users share a queue each of
them has one (`NAME/USER`).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from math import inf

from gpool.errors import InvalidInput
from gpool.model.calendar import Calendar
from gpool.model.policy import Policy
from gpool.model.queue import ROOT, QueueSettings, UserShare
from gpool.scheduler.calendars import effective_queue, next_boundary
from gpool.scheduler.queues import Queue, QueueTree

__all__ = ["PolicyNow", "check_policy", "declared", "next_change"]

_OTHERS = "*"
_MOST_BOUNDARIES = 500


def declared(leaf: str) -> str:
    """The queue that an administrator knows, of a queue in the tree."""
    return leaf.partition("/")[0]


class PolicyNow:
    """A policy at one moment: which queue an ask is in, and the tree with those queues."""

    def __init__(self, policy: Policy, now: datetime) -> None:
        """Raises `InvalidInput` for queues that are no tree."""
        self.policy = policy
        self.classes = policy.classes()
        self._settings: dict[str, QueueSettings] = {queue.name: queue for queue in policy.queues}
        self._parents = {queue.parent for queue in policy.queues if queue.name != ROOT}
        calendars = {calendar.name: calendar for calendar in policy.calendars}
        self._queues = [effective_queue(queue, calendars, now) for queue in policy.queues if queue.name != ROOT]
        self.changes_at = next_change(policy, calendars, now)
        """When, at the latest, somebody must look again; None for never."""
        QueueTree(self._queues, may_overpromise=True)

    def leaf(self, queue: str, owner: str) -> str:
        """The queue of the tree in which what `owner` asks for in `queue` is. A queue that is no more counts as the
        whole pool."""
        if queue != ROOT and queue not in self._settings:
            queue = ROOT
        if self._users(queue):
            return f"{queue}/{owner}"
        return f"{queue}/{_OTHERS}" if queue in self._parents else queue

    def tree(self, leaves: Iterable[str]) -> QueueTree:
        """All queues, with those of users in `leaves` that are still shared so."""
        made = []
        for leaf in sorted(set(leaves)):
            above, _, name = leaf.partition("/")
            if not name or (above != ROOT and above not in self._settings):
                continue
            users = self._users(above)
            if name == _OTHERS and not users and above in self._parents:
                made.append(Queue(leaf, parent=above, derived=True))
            elif name != _OTHERS and users:
                limit = inf if users.limit is None else float(users.limit)
                made.append(Queue(leaf, parent=above, limit=limit, weight=float(users.weight), derived=True))
        return QueueTree([*self._queues, *made], may_overpromise=True)

    def _users(self, queue: str) -> UserShare | None:
        settings = self._settings.get(queue)
        return settings.users if settings else None


def next_change(policy: Policy, calendars: Mapping[str, Calendar], now: datetime) -> datetime | None:
    """When a calendar changes what a queue is."""
    used = {queue.calendar or "" for queue in policy.queues if queue.during}
    return min((next_boundary(calendars[name], now) for name in used if name in calendars), default=None)


def check_policy(policy: Policy, now: datetime) -> None:
    """Return if the policy makes sense now and at each change of the week that follows. Raises `InvalidInput`."""
    calendars = {calendar.name: calendar for calendar in policy.calendars}
    for kind, names in {
        "calendars": [calendar.name for calendar in policy.calendars],
        "priority classes": [found.name for found in policy.priority_classes],
        "queues": [queue.name for queue in policy.queues],
    }.items():
        name, times = Counter(names).most_common(1)[0] if names else ("", 1)
        if times > 1:
            raise InvalidInput(f"there are two {kind} '{name}'; each name can be used once")
    for queue in policy.queues:
        if queue.calendar is None:
            continue
        if queue.calendar not in calendars:
            raise InvalidInput(f"queue {queue.name} follows the calendar '{queue.calendar}', which is not there")
        periods = {period.name for period in calendars[queue.calendar].periods}
        unknown = sorted(set(queue.during) - periods)
        if unknown:
            known = ", ".join(sorted(periods))
            raise InvalidInput(
                f"queue {queue.name} says what is different in '{unknown[0]}'; "
                f"the periods of calendar {queue.calendar} are: {known}"
            )
    at, seen = now, 0
    queues = [queue for queue in policy.queues if queue.name != ROOT]
    # A week and a day: periods come again each week, and calendars of several zones are out of step by a day at most.
    while (at - now).total_seconds() <= 8 * 86_400 and seen < _MOST_BOUNDARIES:
        try:
            QueueTree(effective_queue(queue, calendars, at) for queue in queues)
        except InvalidInput as error:
            when = "" if at == now else f" (from {at:%A %H:%M} UTC on)"
            raise InvalidInput(f"{error}{when}") from error
        following = next_change(policy, calendars, at)
        if following is None:
            return
        at, seen = following, seen + 1
