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

Beside this life, and whatever its state, a node can be administered: labelled, tainted, cordoned, drained, and GPUs of
it taken out. Those are in `gpool.lifecycle.node_care`.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from gpool.lifecycle.commands import (
    Command,
    EndLeasesOnGpus,
    EndLeasesOnNode,
    NoteOfNode,
    Reschedule,
    TellNode,
)
from gpool.lifecycle.node_care import CARE, drain_deadline, end_drain_when_due, labels_of, see_faults
from gpool.lifecycle.transitions import Event, Outcome, Table, step
from gpool.model.gpu import Gpu, GpuFault
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
    labels: dict[str, str] | None = None
    """Those of the agent; None when it is too old to have any."""
    token_id: str = ""


@dataclass(frozen=True, slots=True)
class StateObserved(Event):
    """The agent has told everything that it sees."""

    gpus: tuple[Gpu, ...]
    unix_path: str | None
    tcp: str | None
    settled: bool
    """Whether workerd can be reached, and no session is left of a lease that should not be there."""
    faults: tuple[GpuFault, ...] | None = None
    """All faults of its GPUs that stand; None when the agent is too old to look for any."""


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
    deadlines = [drain_deadline(node)]
    if node.state is NodeState.DISCONNECTED:
        deadlines.append(node.since + timedelta(seconds=lost_after_s))
    if node.state is NodeState.LOST:
        deadlines.append(node.since + timedelta(seconds=grace_s))
    return min((deadline for deadline in deadlines if deadline is not None), default=None)


def _into(node: Node, state: NodeState, now: datetime, **changes: object) -> Node:
    # model_copy does not validate; every change below is made of values that were validated before.
    return node.model_copy(update={"state": state, "since": now, **changes})


def _unchanged(node: Node, _event: Event, _now: datetime) -> Outcome[Node]:
    return node, ()


def _connect(node: Node, event: AgentConnected, now: datetime) -> Outcome[Node]:
    said: dict[str, object] = {"version": event.version, "boot_id": event.boot_id, "generation": event.generation}
    said["token_id"] = event.token_id
    commands: list[Command] = [TellNode(node.name)]
    if event.labels is not None and event.labels != node.agent_labels:
        said |= {"agent_labels": event.labels, "labels": labels_of(event.labels, node.set_labels)}
    if node.version and event.version != node.version:
        commands.append(
            NoteOfNode(node.name, "agent-changed", f"its agent is now gpool {event.version}, before {node.version}")
        )
    return _into(node, NodeState.JOINING, now, **said), tuple(commands)


def _observe(node: Node, event: StateObserved, now: datetime) -> Outcome[Node]:
    known = {gpu.uuid: gpu for gpu in node.gpus}
    seen = {"gpus": event.gpus, "unix_path": event.unix_path, "tcp": event.tcp}
    settles = node.state is NodeState.JOINING and event.settled
    after = _into(node, NodeState.READY, now, **seen) if settles else node.model_copy(update=seen)
    commands: list[Command] = []
    for missing in sorted(known.keys() - {gpu.uuid for gpu in event.gpus}):
        sentence = f"node {node.name} no longer has the GPU {missing}"
        commands.append(EndLeasesOnGpus(node.name, (missing,), sentence))
        commands.append(NoteOfNode(node.name, "gpu-missing", sentence))
    after, care = see_faults(after, event.faults, now)
    commands += care
    if settles or event.gpus != node.gpus or after.gpus_out != node.gpus_out:
        commands.append(Reschedule())
    return after, tuple(commands)


def _close(node: Node, _event: ChannelClosed, now: datetime) -> Outcome[Node]:
    return _into(node, NodeState.DISCONNECTED, now), (Reschedule(),)


def _pass_time(node: Node, event: NodeTimePassed, now: datetime) -> Outcome[Node]:
    after, commands = node, tuple[Command, ...]()
    if node.state is NodeState.DISCONNECTED:
        after, commands = _lose_when_due(node, event, now)
    elif node.state is NodeState.LOST:
        after, commands = _give_up_when_due(node, event, now)
    after, more = end_drain_when_due(after, now)
    return after, (*commands, *more)


def _lose_when_due(node: Node, event: NodeTimePassed, now: datetime) -> Outcome[Node]:
    if now < node.since + timedelta(seconds=event.lost_after_s):
        return node, ()
    lost = f"nothing was heard of it for {event.lost_after_s:g} s; its leases end in {event.grace_s:g} s"
    return _into(node, NodeState.LOST, now), (NoteOfNode(node.name, str(NodeState.LOST), lost), Reschedule())


def _give_up_when_due(node: Node, event: NodeTimePassed, now: datetime) -> Outcome[Node]:
    if now < node.since + timedelta(seconds=event.grace_s):
        return node, ()
    silent_s = event.lost_after_s + event.grace_s
    reason = f"node {node.name} was not heard of for {silent_s:g} s"
    gone = NoteOfNode(
        node.name, str(NodeState.GONE), f"nothing was heard of it for {silent_s:g} s; its leases were ended"
    )
    return _into(node, NodeState.GONE, now), (EndLeasesOnNode(node.name, reason), gone)


def _wait_again(node: Node, _event: ControllerBack, now: datetime) -> Outcome[Node]:
    return _into(node, NodeState.DISCONNECTED, now), ()


_CONNECTED = (NodeState.JOINING, NodeState.READY)

NODE_TRANSITIONS: Table[Node] = {
    # An agent that connects again before the old connection was seen to end replaces it.
    **{(state, AgentConnected): _connect for state in NodeState},
    **{(state, StateObserved): _observe for state in _CONNECTED},
    **{(state, ChannelClosed): _close for state in _CONNECTED},
    **{(state, NodeTimePassed): _pass_time for state in NodeState},
    **{(state, ControllerBack): _wait_again for state in NodeState},
    (NodeState.GONE, ControllerBack): _unchanged,
    **{(state, event): care for state in NodeState for event, care in CARE.items()},
}
