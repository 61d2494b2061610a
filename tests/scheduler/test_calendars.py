"""What a calendar makes of a queue, and when it changes."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from gpool.model.calendar import Calendar, Period, Weekday
from gpool.model.queue import QueueDuring, QueueSettings
from gpool.scheduler.calendars import effective_queue, next_boundary, period_at

WORKDAYS = (Weekday.MON, Weekday.TUE, Weekday.WED, Weekday.THU, Weekday.FRI)
OFFICE = Calendar(
    name="office",
    time_zone="Europe/Berlin",
    periods=(
        Period(name="day", days=WORKDAYS, begins="08:00", ends="20:00"),
        Period(name="friday-night", days=(Weekday.FRI,), begins="22:00", ends="06:00"),
    ),
)


def berlin_winter(day: int, hour: int, minute: int = 0) -> datetime:
    """November 2026; the second is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC) - timedelta(hours=1)


def test_inference_by_day_and_training_by_night() -> None:
    queue = QueueSettings(
        name="inference", guarantee=2, limit=8, calendar="office", during={"day": QueueDuring(guarantee=6)}
    )
    calendars = {"office": OFFICE}
    assert effective_queue(queue, calendars, berlin_winter(2, 7, 59)).guarantee == 2
    by_day = effective_queue(queue, calendars, berlin_winter(2, 8))
    assert (by_day.guarantee, by_day.limit) == (6, 8)
    assert effective_queue(queue, calendars, berlin_winter(2, 20)).guarantee == 2
    assert effective_queue(queue, calendars, berlin_winter(7, 12)).guarantee == 2, "a Saturday"


def test_a_period_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    night = period_at(OFFICE, berlin_winter(7, 5, 59))
    assert night is not None
    assert night.name == "friday-night"
    assert period_at(OFFICE, berlin_winter(7, 6)) is None
    assert period_at(OFFICE, berlin_winter(6, 5)) is None, "the night to Friday"


@settings(max_examples=100, deadline=None)
@given(
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31), timezones=st.just(UTC)),
    begins=st.integers(0, 47),
    ends=st.integers(0, 47),
    days=st.sets(st.sampled_from(tuple(Weekday)), min_size=1),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    part=st.floats(0, 0.999),
)
def test_nothing_changes_before_the_next_boundary(
    now: datetime, begins: int, ends: int, days: set[Weekday], zone: str, part: float
) -> None:
    """Also over changes of the clock."""
    times = [f"{half // 2:02}:{half % 2 * 30:02}" for half in (begins, ends)]
    period = Period(name="p", days=tuple(days), begins=times[0], ends=times[1])
    calendar = Calendar(name="c", time_zone=zone, periods=(period,))
    boundary = next_boundary(calendar, now)
    assert now < boundary <= now + timedelta(days=8)
    assert period_at(calendar, now + (boundary - now) * part) == period_at(calendar, now)
