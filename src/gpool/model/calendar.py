"""Calendars: named periods of the week, in a time zone. Queues say what is different in which of them."""

from datetime import time
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from gpool.model.base import Model, PolicyName

__all__ = ["Calendar", "Period", "Weekday"]


class Weekday(StrEnum):
    """Days in the order of the week."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"'{name}' is no time zone; write one such as UTC or Europe/Berlin") from error
    return name


TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$|^24:00$")]
"""`HH:MM`; `24:00` is the end of the day."""


class Period(Model):
    """A part of the week that comes again: on these days, from and until these times of day.

    One that ends before it begins, or when it begins, goes over midnight: its days are those on which it begins.
    """

    name: PolicyName
    days: tuple[Weekday, ...] = Field(default=tuple(Weekday), min_length=1, max_length=7)
    begins: TimeOfDay = "00:00"
    ends: TimeOfDay = "24:00"

    @property
    def begins_at(self) -> time:
        """Local time of day."""
        return _time(self.begins)

    @property
    def ends_at(self) -> time:
        """Local time of day; midnight is that of the next day."""
        return _time(self.ends)

    @property
    def over_midnight(self) -> bool:
        """Whether it ends on the day after the one on which it begins."""
        return self.ends_at <= self.begins_at


class Calendar(Model):
    """Where periods overlap, the one that is listed first holds."""

    name: PolicyName
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    periods: Annotated[tuple[Period, ...], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _names_are_distinct(self) -> Self:
        names = [period.name for period in self.periods]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"calendar {self.name} has two periods '{name}'; each name can be used once")
        return self


def _time(text: str) -> time:
    return time(int(text[:2]) % 24, int(text[3:]))
