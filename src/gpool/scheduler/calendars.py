"""What a calendar says of a moment: which period lasts, and when that changes next. Pure: the time is an argument."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from zoneinfo import ZoneInfo

from gpool.model.calendar import Calendar, Period, Weekday
from gpool.model.queue import QueueDuring, QueueSettings
from gpool.scheduler.queues import Queue

__all__ = ["effective_queue", "next_boundary", "period_at"]

_DAYS = tuple(Weekday)


def period_at(calendar: Calendar, now: datetime) -> Period | None:
    """The period that lasts at `now`, the first of those that overlap; None between periods."""
    for period in calendar.periods:
        if any(begins <= now < ends for begins, ends in _occurrences(calendar, period, now, days_after=1)):
            return period
    return None


def next_boundary(calendar: Calendar, now: datetime) -> datetime:
    """When a period begins or ends next, after `now`: each does at least once a week."""
    boundaries = (
        boundary
        for period in calendar.periods
        for occurrence in _occurrences(calendar, period, now, days_after=8)
        for boundary in occurrence
    )
    return min(boundary for boundary in boundaries if boundary > now)


def effective_queue(settings: QueueSettings, calendars: Mapping[str, Calendar], now: datetime) -> Queue:
    """The queue as it is at that moment."""
    calendar = calendars.get(settings.calendar or "")
    period = period_at(calendar, now) if calendar and settings.during else None
    other = settings.during.get(period.name, QueueDuring()) if period else QueueDuring()
    limit = settings.limit if other.limit is None else other.limit
    return Queue(
        name=settings.name,
        parent=settings.parent,
        guarantee=float(settings.guarantee if other.guarantee is None else other.guarantee),
        limit=inf if limit is None else float(limit),
        weight=float(settings.weight if other.weight is None else other.weight),
    )


def _occurrences(
    calendar: Calendar, period: Period, now: datetime, days_after: int
) -> Iterator[tuple[datetime, datetime]]:
    """The times, in UTC, at which the period begins and ends around `now`; from the day before yesterday on.

    A local time that a change of the clock leaves out counts as it would have been without the change; of one that
    comes twice, the first counts.
    """
    zone = ZoneInfo(calendar.time_zone)
    today = now.astimezone(zone).date()
    for distance in range(-2, days_after + 1):
        day = today + timedelta(days=distance)
        if _DAYS[day.weekday()] not in period.days:
            continue
        last = day + timedelta(days=1) if period.over_midnight else day
        begins = datetime.combine(day, period.begins_at, zone).astimezone(UTC)
        ends = datetime.combine(last, period.ends_at, zone).astimezone(UTC)
        if begins < ends:
            yield begins, ends
