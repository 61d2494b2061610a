"""The life of a node.

      connected            settled           channel closed            15 s               60 s
     ──────────▶ joining ──────────▶ ready ────────────────▶ disconnected ────▶ lost ────────────▶ gone
                    ▲  │                                          ▲  │             │                 │
                    │  └──────────── channel closed ──────────────┘  │             │  (its leases end)
                    └──────────────────── connected ─────────────────┴─────────────┴─────────────────┘

The programs on a node do not need the controller, so a closed channel ends nothing: their leases live on through
`disconnected` and `lost`. Only a node that is `gone` is given up, and its leases with it.

A node is `ready` for new leases when it has said that it is *settled*: its workerd can be reached, and there is no
session of a lease that the controller does not know to be there. That matters when a node that was `gone` comes back
with programs still running on it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gpool.lifecycle.commands import Command, EndLeasesOnGpus, EndLeasesOnNode, Reschedule, TellNode
from gpool.lifecycle.transitions import Event, Outcome, Table, step
from gpool.model.gpu import Gpu
from gpool.model.node import Node, NodeState

__all__ = [
    "NODE_TRANSITIONS",
    "AgentConnected",
    "ChannelClosed",
    "ControllerBack",
    "NodeTimePassed",
    "StateObserved",
    "apply_to_node",
    "begin_node",
    "node_deadline",
]


@dataclass(frozen=True, slots=True)
class AgentConnected(Event):
    """An agent has said hello under this name."""

    version: str
    boot_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class StateObserved(Event):
    """The agent has told everything that it sees."""

    gpus: tuple[Gpu, ...]
    unix_path: str | None
    tcp: str | None
    settled: bool
    """Whether workerd can be reached, and no session is left of a lease that should not be there."""


@dataclass(frozen=True, slots=True)
class ChannelClosed(Event):
    """The connection ended, or no heartbeat came."""


@dataclass(frozen=True, slots=True)
class ControllerBack(Event):
    """The controller was away; the agent gets its full time to connect again."""


@dataclass(frozen=True, slots=True)
class NodeTimePassed(Event):
    """A look at the clock."""

    lost_after_s: float
    grace_s: float


def begin_node(name: str, now: datetime) -> Node:
    """A node that nobody has heard of before; feed it `AgentConnected` next."""
    return Node(name=name, state=NodeState.DISCONNECTED, since=now)


def apply_to_node(node: Node, event: Event, now: datetime) -> Outcome[Node]:
    """The node after `event`, and what is to be done. Raises `ImpossibleTransition` for what cannot happen."""
    return step(NODE_TRANSITIONS, node, node.state, event, now)


def node_deadline(node: Node, lost_after_s: float, grace_s: float) -> datetime | None:
    """When `NodeTimePassed` will next change this node, if nothing else happens before; None for never."""
    if node.state is NodeState.DISCONNECTED:
        return node.since + timedelta(seconds=lost_after_s)
    if node.state is NodeState.LOST:
        return node.since + timedelta(seconds=grace_s)
    return None


def _into(node: Node, state: NodeState, now: datetime, **changes: object) -> Node:
    # model_copy does not validate; every change below is made of values that were validated before.
    return node.model_copy(update={"state": state, "since": now, **changes})


def _unchanged(node: Node, _event: Event, _now: datetime) -> Outcome[Node]:
    return node, ()


def _connect(node: Node, event: AgentConnected, now: datetime) -> Outcome[Node]:
    said = {"version": event.version, "boot_id": event.boot_id, "generation": event.generation}
    return _into(node, NodeState.JOINING, now, **said), (TellNode(node.name),)


def _observe(node: Node, event: StateObserved, now: datetime) -> Outcome[Node]:
    known = {gpu.uuid: gpu for gpu in node.gpus}
    seen = {"gpus": event.gpus, "unix_path": event.unix_path, "tcp": event.tcp}
    settles = node.state is NodeState.JOINING and event.settled
    after = _into(node, NodeState.READY, now, **seen) if settles else node.model_copy(update=seen)
    commands: list[Command] = []
    missing = tuple(sorted(known.keys() - {gpu.uuid for gpu in event.gpus}))
    if missing:
        commands.append(EndLeasesOnGpus(node.name, missing))
    if settles or event.gpus != node.gpus:
        commands.append(Reschedule())
    return after, tuple(commands)


def _close(node: Node, _event: ChannelClosed, now: datetime) -> Outcome[Node]:
    return _into(node, NodeState.DISCONNECTED, now), (Reschedule(),)


def _lose_when_due(node: Node, event: NodeTimePassed, now: datetime) -> Outcome[Node]:
    if now < node.since + timedelta(seconds=event.lost_after_s):
        return node, ()
    return _into(node, NodeState.LOST, now), (Reschedule(),)


def _give_up_when_due(node: Node, event: NodeTimePassed, now: datetime) -> Outcome[Node]:
    if now < node.since + timedelta(seconds=event.grace_s):
        return node, ()
    silent_s = event.lost_after_s + event.grace_s
    reason = f"node {node.name} was not heard of for {silent_s:g} s"
    return _into(node, NodeState.GONE, now), (EndLeasesOnNode(node.name, reason),)


def _wait_again(node: Node, _event: ControllerBack, now: datetime) -> Outcome[Node]:
    return _into(node, NodeState.DISCONNECTED, now), ()


_CONNECTED = (NodeState.JOINING, NodeState.READY)

NODE_TRANSITIONS: Table[Node] = {
    # An agent that connects again before the old connection was seen to end replaces it.
    **{(state, AgentConnected): _connect for state in NodeState},
    **{(state, StateObserved): _observe for state in _CONNECTED},
    **{(state, ChannelClosed): _close for state in _CONNECTED},
    **{(state, NodeTimePassed): _unchanged for state in NodeState},
    (NodeState.DISCONNECTED, NodeTimePassed): _lose_when_due,
    (NodeState.LOST, NodeTimePassed): _give_up_when_due,
    **{(state, ControllerBack): _wait_again for state in NodeState},
    (NodeState.GONE, ControllerBack): _unchanged,
}
