"""Queues as an administrator describes them: who shares what, and what differs by the time of day."""

from typing import Annotated, Self

from pydantic import Field, StrictFloat, StrictInt, model_validator

from gpool.model.base import Model, PolicyName
from gpool.model.token import TokenName

__all__ = ["ROOT", "Gpus", "QueueDuring", "QueueSettings", "UserShare"]

ROOT = "pool"
"""The queue above all others. A pool without queues of its own has this one only."""

Gpus = Annotated[StrictFloat | StrictInt, Field(ge=0, le=1_000_000, allow_inf_nan=False)]
"""A number of GPUs; half a GPU is 0.5."""

_Weight = Annotated[StrictFloat | StrictInt, Field(ge=0, le=1_000_000, allow_inf_nan=False)]


class QueueDuring(Model):
    """What is different while a period of the calendar lasts; null: as otherwise."""

    guarantee: Gpus | None = None
    limit: Gpus | None = None
    weight: _Weight | None = None


class UserShare(Model):
    """What each user of a queue gets: as if everybody had a queue of his own below it."""

    limit: Gpus | None = None
    """No user gets more at a time; null: as much as the queue has."""
    weight: _Weight = 1.0
    """Of each user."""


class QueueSettings(Model):
    """A department, a team, a user. Sizes are in GPUs; see `docs/internals/scheduling.md` for what they mean."""

    name: PolicyName
    parent: PolicyName = ROOT
    guarantee: Gpus = 0.0
    """It can have so much whenever it wants; others may borrow it meanwhile, and give it back."""
    limit: Gpus | None = None
    """It never gets more; null for no limit of its own."""
    weight: _Weight = 1.0
    """Its part of what nobody is guaranteed or uses, relative to its siblings; at 0 it never borrows."""
    users: UserShare | None = None
    """How the users of this queue share it; null: by age and priority alone."""
    members: tuple[TokenName, ...] = ()
    """Who may ask in it and below it; empty for everybody who may ask in the queue above."""
    calendar: PolicyName | None = None
    """The calendar that `during` is about."""
    during: dict[PolicyName, QueueDuring] = Field(default_factory=dict, max_length=64)
    """By period of the calendar."""

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.name == ROOT and self != QueueSettings.model_construct(name=ROOT, users=self.users):
            raise ValueError(f"the queue {ROOT} stands for the whole pool: only its 'users' can be set")
        if self.during and self.calendar is None:
            raise ValueError(f"queue {self.name} says what is different in {min(self.during)}, but names no calendar")
        for period, (guarantee, limit) in {"always": (self.guarantee, self.limit), **self._sizes()}.items():
            if limit is not None and guarantee > limit:
                when = "" if period == "always" else f" in {period}"
                raise ValueError(
                    f"queue {self.name} is guaranteed {guarantee:g} GPUs{when}, which is more than its limit {limit:g}"
                )
        return self

    def _sizes(self) -> dict[str, tuple[float, float | None]]:
        return {
            f"the period {name}": (
                self.guarantee if other.guarantee is None else other.guarantee,
                self.limit if other.limit is None else other.limit,
            )
            for name, other in self.during.items()
        }
