"""Nodes: machines with an agent."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StrictInt

from gpool.model.base import Instant, Model, NodeName, Text
from gpool.model.gpu import Gpu

__all__ = ["Node", "NodeState"]


class NodeState(StrEnum):
    """Where a node is in its life; see `gpool.lifecycle.node`."""

    JOINING = "joining"
    READY = "ready"
    DISCONNECTED = "disconnected"
    LOST = "lost"
    GONE = "gone"


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
