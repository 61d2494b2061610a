"""The policy of a pool: one value that is checked and changed as a whole."""

from typing import Annotated

from pydantic import Field, JsonValue, StrictFloat, StrictInt

from gpool.model.base import Model, PolicyName
from gpool.model.calendar import Calendar
from gpool.model.priority import BUILT_IN_CLASSES, PriorityClass
from gpool.model.queue import QueueSettings

__all__ = ["Policy", "PoolSettings", "RuleSettings"]


class RuleSettings(Model):
    """A rule of one's own (docs/guides/own-rules.md)."""

    name: PolicyName
    """Of the entry point of the group `gpool.rules`."""
    weight: Annotated[StrictFloat | StrictInt, Field(ge=-1000, le=1000, allow_inf_nan=False)] = 1.0
    """Its points and ranks are multiplied by it."""
    options: Annotated[
        dict[Annotated[str, Field(max_length=64)], JsonValue], Field(default_factory=dict, max_length=64)
    ]
    """Arguments with which the rule is made."""


class PoolSettings(Model):
    """How others are made to give way (in seconds), or moved, and by which further rules places are found."""

    least_run_s: Annotated[StrictFloat | StrictInt, Field(ge=0, le=31_536_000, allow_inf_nan=False)] = 600.0
    """No lease is ended for another before it has run so long."""
    grace_s: Annotated[StrictFloat | StrictInt, Field(ge=0, le=86_400, allow_inf_nan=False)] = 60.0
    """From the warning to the end of a lease that has to give way."""
    rules: Annotated[tuple[RuleSettings, ...], Field(max_length=16)] = ()
    """Of one's own, besides those of the pool."""
    most_moves: Annotated[StrictInt, Field(ge=0, le=64)] = 4
    """So many leases that are not in use yet may be moved so that a request fits; 0: none."""


class Policy(Model):
    """Queues, priority classes, calendars and settings. What is not named is at its default."""

    queues: Annotated[tuple[QueueSettings, ...], Field(max_length=10_000)] = ()
    priority_classes: Annotated[tuple[PriorityClass, ...], Field(max_length=1000)] = ()
    """Besides the built-in ones, or in their place."""
    calendars: Annotated[tuple[Calendar, ...], Field(max_length=1000)] = ()
    settings: PoolSettings = PoolSettings()

    def classes(self) -> dict[str, PriorityClass]:
        """All priority classes, the built-in ones among them, by name."""
        return {found.name: found for found in (*BUILT_IN_CLASSES, *self.priority_classes)}
