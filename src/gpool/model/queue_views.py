"""Queues as the API shows them, and how the pool's policy is read and changed."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from gpool.model.base import Model, PolicyName
from gpool.model.policy import Policy
from gpool.model.queue import QueueSettings

__all__ = ["PolicyAnswer", "PolicyUpdate", "QueueView", "UserUse"]

_Number = Annotated[StrictFloat | StrictInt, Field(ge=0)]


class UserUse(Model):
    """What a user has and wants in a queue whose users share it."""

    user: str
    used_gpus: _Number
    waiting: StrictInt


class QueueView(Model):
    """`GET /api/v1/queues`: a queue as it is now. Sizes are in GPUs, and count everything below it."""

    settings: QueueSettings
    period: PolicyName | None
    """The period of its calendar that lasts now."""
    guarantee_gpus: _Number
    limit_gpus: _Number | None
    weight: _Number
    used_gpus: _Number
    """The largest part that its leases take of any resource of the pool, told in GPUs."""
    borrowed_gpus: _Number
    """What it uses above its guarantee."""
    average_gpus: _Number
    """What it has used over time; what is a day old counts half."""
    leases: StrictInt
    """That hold GPUs."""
    waiting: StrictInt
    """Requests that wait."""
    pool_gpus: _Number
    """What all ready nodes have."""
    below: tuple[PolicyName, ...]
    users: tuple[UserUse, ...]


class PolicyAnswer(Model):
    """`GET /api/v1/policy`."""

    policy: Policy
    revision: str
    """Of this policy; another one has another."""


class PolicyUpdate(Model):
    """`PUT /api/v1/policy`: what the whole policy shall be."""

    policy: Policy
    revision: str | None = None
    """Of the policy that the writer has seen; when it is another by now, nothing is changed (409)."""
    dry_run: StrictBool = False
    """Only say whether it could be so."""
