"""Priority classes: names for how urgent a request is."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from gpool.model.base import Model, PolicyName

__all__ = ["BUILT_IN_CLASSES", "NORMAL", "PriorityClass"]

NORMAL = "normal"
"""The class of requests that name none."""


class PriorityClass(Model):
    """How urgent, and what follows from it."""

    name: PolicyName
    value: Annotated[StrictInt, Field(ge=-1_000_000, le=1_000_000)] = 0
    """Within a queue the larger comes first. Of those that have to give way, the smaller goes first."""
    preempts: StrictBool = True
    """Whether it may end less urgent leases of its queue. What its queue is guaranteed, it may always take back."""
    preemptible: StrictBool = True
    """Whether leases of this class may be ended for others, where the request does not say."""


BUILT_IN_CLASSES = (
    PriorityClass(name="low", value=-100, preempts=False),
    PriorityClass(name=NORMAL, value=0, preempts=False),
    PriorityClass(name="high", value=100),
)
"""Those of every pool; an administrator may change what they mean, and add more."""
