"""The one door through which a state changes: a table from (state, kind of event) to a function."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from gpool.lifecycle.commands import Command

__all__ = ["Event", "ImpossibleTransition", "Outcome", "Table", "step"]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that has happened."""


Subject = TypeVar("Subject")

Outcome = tuple[Subject, tuple[Command, ...]]
"""The value after the event, and what is to be done now."""

Table = Mapping[tuple[str, type[Event]], Callable[[Subject, Any, datetime], Outcome[Subject]]]


class ImpossibleTransition(Exception):  # noqa: N818 - an assertion about the caller, not an error of a user
    """The pair of state and event is not in the table, so the caller has let something happen that cannot."""


def step(table: Table[Subject], subject: Subject, state: str, event: Event, now: datetime) -> Outcome[Subject]:
    """Look up and apply the transition. Raises `ImpossibleTransition` for a pair that is not in the table."""
    transition = table.get((state, type(event)))
    if transition is None:
        raise ImpossibleTransition(f"{type(event).__name__} cannot happen to something that is {state}: {subject!r}")
    return transition(subject, event, now)
