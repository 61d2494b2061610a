"""Why a lease is as it is."""

from typing import Annotated

from pydantic import Field, StrictInt

from gpool.model.base import LeaseId, Model, PolicyName
from gpool.model.event import Event
from gpool.model.lease import LeaseView

__all__ = ["Explanation", "HolderView"]

_Count = Annotated[StrictInt, Field(ge=0)]


class HolderView(Model):
    """A lease that holds GPUs which the request could use."""

    lease: LeaseId
    owner: str
    queue: PolicyName
    gpus: _Count
    preemptible: bool


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
    events: tuple[Event, ...]
    """The last ones."""
