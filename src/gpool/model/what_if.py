"""What the pool would do with a request that nobody has made."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from gpool.model.base import Instant, LeaseId, Model, PolicyName
from gpool.model.explanation import Forecast
from gpool.model.lease import GpuPlace, LeaseRequest

__all__ = ["GivesWay", "Outcome", "Variant", "Verdict", "WhatIf", "WhatIfRequest"]

Verdict = Literal["now", "after-evictions", "waits", "never"]


class WhatIfRequest(Model):
    """Body of `POST /api/v1/what-if`."""

    request: LeaseRequest
    variants: StrictBool = True
    """Whether to look at requests that are a little different as well."""


class GivesWay(Model):
    """A lease that would be ended for the request."""

    lease: LeaseId
    owner: str
    queue: PolicyName
    reason: str
    """What its holder would be told."""
    gpu_seconds: Annotated[StrictFloat, Field(ge=0)]
    """What it has computed since its grant, and may lose at most."""


class Outcome(Model):
    """What would become of a request, as of now."""

    wish: str
    """What it asks for, in words."""
    request: LeaseRequest
    queue: PolicyName | None
    """In which it would be; null for what no queue takes."""
    verdict: Verdict
    """It would be granted at once; once others have given way; later; or is impossible in this pool."""
    reason: str
    """A sentence."""
    places: tuple[GpuPlace, ...] = ()
    """The GPUs that it would get, now or when others have given way."""
    gives_way: tuple[GivesWay, ...] = ()
    ahead: Annotated[StrictInt, Field(ge=0)] = 0
    """How many of its queue would come before it."""
    starts_at: Instant | None = None
    """When it would begin, as far as that can be told; null: nobody knows, or never."""
    forecast: Forecast | None = None
    """For one that would wait: when it is expected to begin, how sure that is, and why."""


class Variant(Model):
    """A request that is a little different."""

    change: str
    """What is different, in words: `1 vGPU instead of 2`."""
    outcome: Outcome


class WhatIf(Model):
    """Answer of `POST /api/v1/what-if`. Nothing has been changed, and nothing is kept for anybody."""

    asked: Outcome
    variants: tuple[Variant, ...]
