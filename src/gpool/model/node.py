"""Nodes: machines with an agent."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StrictInt, StringConstraints

from gpool.model.base import Instant, Model, NodeName, Text
from gpool.model.gpu import Gpu
from gpool.model.ids import LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN

__all__ = ["LabelKey", "LabelValue", "Labels", "Node", "NodeState", "Taint"]

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
    taints: tuple[Taint, ...] = ()
