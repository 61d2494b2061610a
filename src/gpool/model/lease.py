"""Requests and leases."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from gpool.model.base import Bytes, GpuUuid, Instant, LeaseId, Model, NodeName, Permille, PolicyName, Text
from gpool.model.node import Labels
from gpool.model.placement import Placement
from gpool.model.queue import ROOT
from gpool.model.session import Session

__all__ = [
    "MAX_VGPUS",
    "Eviction",
    "GpuPlace",
    "Lease",
    "LeaseRequest",
    "LeaseState",
    "LeaseView",
    "Transport",
    "Vgpu",
]

MAX_VGPUS = 1024

Transport = Literal["auto", "shm", "tcp"]


class LeaseState(StrEnum):
    """Where a lease is in its life; see `gpool.lifecycle.lease`."""

    PENDING = "pending"
    ACTIVE = "active"
    ENDING = "ending"
    ENDED = "ended"


class LeaseRequest(Model):
    """What somebody asks for: the body of `POST /api/v1/leases`."""

    vgpus: Annotated[StrictInt, Field(ge=1, le=MAX_VGPUS)] = 1
    min_vgpus: Annotated[StrictInt, Field(ge=1, le=MAX_VGPUS)] | None = None
    """So many are enough: it is granted what is free, `vgpus` at most. Null: all or none."""
    memory_bytes: Annotated[Bytes, Field(gt=0)] | None = None
    """Memory of each vGPU; null asks for whole GPUs, on which nobody else is placed."""
    exclusive: StrictBool = False
    """Whole GPUs all the same: `memory_bytes` then is the least that each must have, and the program gets all of it."""
    compute_permille: Annotated[Permille, Field(gt=0)] = 1000
    """Limit of each vGPU. Below 1000 it is also a reservation: such shares of a GPU never add up to more than 1000.
    1000 means: not limited, nothing reserved."""
    min_compute_permille: Permille | None = None
    """What is reserved for each vGPU, where that is less than the limit; null: as `compute_permille` says."""
    node: NodeName | None = None
    """The only node that will do; null for any."""
    placement: Placement = Placement()
    """Where else it must, or must not, be."""
    labels: Labels = Field(default_factory=dict)
    """What the lease is called by, for the affinities of others."""
    queue: PolicyName | None = None
    """Who shares; null for the queue that its owner asks in by default."""
    priority: PolicyName = "normal"
    """Name of the priority class."""
    preemptible: StrictBool | None = None
    """Whether it may be ended, once granted, to make room; null: as its priority class says."""
    timeout_s: Annotated[StrictFloat | StrictInt, Field(gt=0, le=31_536_000)] | None = None
    """How long to wait for the grant; null for ever."""
    max_duration_s: Annotated[StrictFloat | StrictInt, Field(gt=0, le=31_536_000)] | None = None
    """How long it may last from the grant; then it ends. Null for as long as its holder wants."""
    warn_s: Annotated[StrictFloat | StrictInt, Field(ge=0, le=31_536_000)] = 60.0
    """How long before that end its holder is warned."""
    movable: StrictBool = False
    """Whether its GPUs may be exchanged for others until the program uses them. Its holder gets no tickets before it
    says that it begins (`?use=true`)."""
    transport: Transport = "auto"
    command: Text = ""
    host: Text = ""
    host_id: Text = ""
    """Boot id of the host on which the program runs, which is also that of a node on the same machine."""
    user: Text = ""

    @property
    def whole_gpus(self) -> bool:
        """Whether nobody else may be placed on the GPUs of this request."""
        return self.memory_bytes is None or self.exclusive

    @property
    def enough_vgpus(self) -> int:
        """With how many vGPUs it can begin."""
        return self.vgpus if self.min_vgpus is None else self.min_vgpus

    @property
    def reserved_permille(self) -> int:
        """Compute that each vGPU reserves. A limit of 1000 means no limit, and reserves nothing."""
        if self.min_compute_permille is not None:
            return self.min_compute_permille
        return self.compute_permille if self.compute_permille < 1000 else 0


class Vgpu(Model):
    """What an application sees as one CUDA device."""

    ordinal: Annotated[StrictInt, Field(ge=0)]
    """Its CUDA device number in the programs of the lease."""
    node: NodeName
    gpu_uuid: GpuUuid
    memory_bytes: Annotated[Bytes, Field(gt=0)]
    compute_permille: Annotated[Permille, Field(gt=0)]


class GpuPlace(Model):
    """A GPU, by its node and its name."""

    node: NodeName
    gpu_uuid: GpuUuid


class Eviction(Model):
    """A lease has to give way: it is as good as ever until `ends_at`."""

    beneficiary: LeaseId | None
    """The lease that gets the room; null when a node is drained."""
    reason: str
    """A sentence."""
    warned_at: Instant
    ends_at: Instant


class Lease(Model):
    """A granted or queued request, as the store keeps it."""

    id: LeaseId
    state: LeaseState = LeaseState.PENDING
    owner: Text
    """Name of the token that asked."""
    request: LeaseRequest
    queue: PolicyName = ROOT
    """In which it was asked for."""
    vgpus: tuple[Vgpu, ...] = ()
    reason: str | None = None
    """Why it waits or why it ended, a sentence."""
    created_at: Instant
    granted_at: Instant | None = None
    ended_at: Instant | None = None
    expires_at: Instant
    """When it ends unless its holder renews it before."""
    renew_every_s: StrictFloat = 5.0
    """How often its holder should renew it, in seconds."""
    lifetime_s: StrictFloat = 30.0
    """How long a renewal lasts, in seconds."""
    unconfirmed_nodes: tuple[NodeName, ...] = ()
    """While ending: the nodes that have not yet confirmed that its sessions are gone."""
    eviction: Eviction | None = None
    """Set while it is warned that it has to give way, and after it had to."""
    in_use_at: Instant | None = None
    """When the holder of a movable lease said that it begins to use it. Others are in use from the grant on."""
    over_warned_at: Instant | None = None
    """When its holder was warned that its maximum duration is about to be over."""
    room: tuple[GpuPlace, ...] = ()
    """While pending: the GPUs that others give up for it. Nobody else gets them meanwhile."""

    @property
    def over_at(self) -> datetime | None:
        """When its maximum duration is over; None while it waits, and for a lease without one."""
        limit_s = self.request.max_duration_s
        return None if self.granted_at is None or limit_s is None else self.granted_at + timedelta(seconds=limit_s)

    @property
    def movable(self) -> bool:
        """Whether other GPUs are as good: no ticket for these has been handed out, so nothing runs on them."""
        return (
            self.state is LeaseState.ACTIVE
            and self.request.movable
            and self.request.transport != "shm"
            and self.in_use_at is None
        )

    @property
    def over_warning_at(self) -> datetime | None:
        """When its holder is to be warned of that; None when there is nothing to warn of, or it was done."""
        over_at = None if self.over_warned_at is not None else self.over_at
        return None if over_at is None else over_at - timedelta(seconds=self.request.warn_s)

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of its nodes, in the order of the vGPUs."""
        return tuple(dict.fromkeys(vgpu.node for vgpu in self.vgpus))

    @property
    def warned(self) -> bool:
        """Whether it is active, and has to give way."""
        return self.state is LeaseState.ACTIVE and self.eviction is not None

    @property
    def holds_vgpus(self) -> bool:
        """Whether its vGPUs are taken: from the grant until every node has confirmed the end."""
        return self.state in (LeaseState.ACTIVE, LeaseState.ENDING)


class LeaseView(Lease):
    """A lease as the API shows it: with the sessions that its nodes report."""

    sessions: tuple[Session, ...] = ()
