"""Why a lease is as it is."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from gpool.model.base import Instant, LeaseId, Model, PolicyName
from gpool.model.event import Event
from gpool.model.lease import LeaseView

__all__ = ["Advice", "Explanation", "Forecast", "HolderView"]

_Count = Annotated[StrictInt, Field(ge=0)]


class HolderView(Model):
    """A lease that holds GPUs which the request could use."""

    lease: LeaseId
    owner: str
    queue: PolicyName
    gpus: _Count
    preemptible: bool


class Advice(Model):
    """Something that would let a waiting request be placed now."""

    kind: str
    """What would have to change: `queue-limit`, `fewer-vgpus`, `less-memory`, `no-compute`, `other-node`,
    `other-model`, `other-nodes`, `no-affinity`, `other-reach`, `other-scope`, `priority`, `leases-end`."""
    sentence: str
    """Begins with "if"."""
    leases: tuple[LeaseId, ...] = ()
    """Those that would have to end or to give way."""


class Forecast(Model):
    """When a waiting request is expected to be placed."""

    expected_at: Instant | None = None
    latest_at: Instant | None = None
    """By what is certain alone: maximum durations and warnings."""
    sureness: Literal["bounded", "estimated", "unknown"]
    reason: str
    """What it rests on, or why it is unknown."""


class Explanation(Model):
    """`GET /api/v1/leases/{id}/explain`. Counts are of GPUs, and null unless the lease waits."""

    lease: LeaseView
    reason: str
    """A sentence."""
    ahead: tuple[LeaseId, ...] = ()
    """Requests of its queue that come before it, the first first."""
    gpus_in_reach: _Count | None = None
    """On nodes that are ready, and that the request allows."""
    gpus_large_enough: _Count | None = None
    gpus_free_for_it: _Count | None = None
    """So many have room for one of its vGPUs now; GPUs that are kept for others count as taken only in a cycle."""
    holders: tuple[HolderView, ...] = ()
    """Who has the others, the most GPUs first; a hundred at most."""
    changes: tuple[Advice, ...] = ()
    """What would let it be placed now; each has been tried on the pool as it is."""
    forecast: Forecast | None = None
    """When it is expected to be placed; null unless it waits."""
    events: tuple[Event, ...]
    """The last ones."""
