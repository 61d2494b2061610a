"""Nodes: machines with an agent."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt, StringConstraints

from gpool.model.base import GpuUuid, Instant, Model, NodeName, Text
from gpool.model.gpu import Gpu, GpuFault, GpuOut
from gpool.model.ids import LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN

__all__ = ["Cordon", "Drain", "LabelKey", "LabelValue", "Labels", "Node", "NodeState", "Taint"]

LabelKey = Annotated[str, StringConstraints(pattern=LABEL_KEY_PATTERN)]
LabelValue = Annotated[str, StringConstraints(pattern=LABEL_VALUE_PATTERN)]
Labels = Annotated[dict[LabelKey, LabelValue], Field(max_length=64)]
"""What is said of a node, for requests to choose by."""


class NodeState(StrEnum):
    """Where a node is in its life; see `gpool.lifecycle.node`."""

    JOINING = "joining"
    READY = "ready"
    DISCONNECTED = "disconnected"
    LOST = "lost"
    GONE = "gone"


class Taint(Model):
    """Keeps requests away from a node that do not tolerate it."""

    key: LabelKey
    value: LabelValue = ""
    effect: Literal["NoSchedule"] = "NoSchedule"

    def __str__(self) -> str:
        return f"{self.key}={self.value}:{self.effect}" if self.value else f"{self.key}:{self.effect}"


class Cordon(Model):
    """Nothing new is placed on the node. What runs there goes on."""

    by: Text
    at: Instant
    reason: Text = ""


class Drain(Model):
    """The node is being emptied; it is cordoned as well."""

    by: Text
    at: Instant
    reason: Text = ""
    end_at: Instant | None = None
    """When the leases that are left are ended; null to wait for them as long as they take."""
    ended: StrictBool = False
    """Whether that has happened."""


class Node(Model):
    """A node as the store keeps it: who it is, and what it last said of itself."""

    name: NodeName
    state: NodeState
    since: Instant
    """When it came into this state."""
    version: Text = ""
    boot_id: Text = ""
    generation: Annotated[StrictInt, Field(ge=0)] = 0
    """Increases at each start of its agent."""
    unix_path: Text | None = None
    """workerd's unix socket on that machine."""
    tcp: Text | None = None
    """workerd's `host:port`; null when it does not listen."""
    gpus: tuple[Gpu, ...] = ()
    labels: Labels = Field(default_factory=dict)
    """Those that its agent says of itself, as an administrator has changed them."""
    agent_labels: Labels = Field(default_factory=dict)
    """`gpool agent --label`."""
    set_labels: dict[LabelKey, LabelValue | None] = Field(default_factory=dict)
    """What an administrator has set; null for one of its agent's that was taken away."""
    taints: tuple[Taint, ...] = ()
    cordon: Cordon | None = None
    drain: Drain | None = None
    gpus_out: tuple[GpuOut, ...] = ()
    """GPUs that were taken out. One that is not seen any more stays here until it is put back."""
    faults: tuple[GpuFault, ...] = ()
    """Faults of its GPUs that its agent reports."""
    faults_settled: dict[GpuUuid, Instant] = Field(default_factory=dict)
    """Per GPU: faults up to this time were known to whoever put it back, and do not count again."""
    token_id: Text = ""
    """With which its agent came last."""

    @property
    def takes_leases(self) -> bool:
        """Whether anything new may be placed on it."""
        return self.state is NodeState.READY and self.cordon is None

    def is_out(self, gpu_uuid: str) -> bool:
        """Whether that GPU was taken out."""
        return any(out.gpu_uuid == gpu_uuid for out in self.gpus_out)
