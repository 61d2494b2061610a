"""What administrators do to a node, and the pool to sick GPUs: beside the life of the node, and whatever its state.

A cordon keeps new leases away. A drain is a cordon that also waits for the leases to end. With a grace, their holders
are warned as of an eviction, and what is left at its end is ended. A GPU that is out is kept from new leases; what
computes there goes on, unless it was asked to end or the fault is one that makes results worthless
(`FaultKind.ends_leases`).

The agent reports the faults that *stand*, again and again, so a GPU that an administrator put back would be taken out
at once. Therefore putting it back settles all faults up to then: only a newer one counts. A GPU that the pool took out
by itself is also put back when its node has started anew (another boot id), the GPU is there, and no fault is.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gpool.lifecycle.commands import Command, EndLeasesOnGpus, HeedDrain, NoteOfNode, Reschedule, RevokeLeasesOnNode
from gpool.lifecycle.transitions import Event, Outcome
from gpool.model.gpu import GpuFault, GpuOut
from gpool.model.node import Cordon, Drain, Node, Taint

__all__ = [
    "CARE",
    "Cordoned",
    "DrainBegan",
    "DrainCancelled",
    "GpuPutBack",
    "GpuTakenOut",
    "LabelsSet",
    "TaintsSet",
    "Uncordoned",
    "drain_deadline",
    "drain_reason",
    "end_drain_when_due",
    "labels_of",
    "see_faults",
]

POOL = "gpool"
"""Who takes sick GPUs out."""


@dataclass(frozen=True, slots=True)
class Cordoned(Event):
    """Nothing new is to be placed there."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Uncordoned(Event):
    """It takes leases again; a drain ends with it."""

    by: str


@dataclass(frozen=True, slots=True)
class DrainBegan(Event):
    """It is to be emptied. `grace_s`: after so long, the leases that are left are ended; None: never."""

    by: str
    reason: str
    grace_s: float | None


@dataclass(frozen=True, slots=True)
class DrainCancelled(Event):
    """It need not be emptied; a cordon from before the drain stays."""

    by: str


@dataclass(frozen=True, slots=True)
class GpuTakenOut(Event):
    """An administrator wants nothing new on this GPU, and, with `end_leases`, nothing at all."""

    gpu_uuid: str
    by: str
    reason: str
    end_leases: bool = False


@dataclass(frozen=True, slots=True)
class GpuPutBack(Event):
    """It may be used again."""

    gpu_uuid: str
    by: str


@dataclass(frozen=True, slots=True)
class LabelsSet(Event):
    """Labels get these values; None takes one away."""

    labels: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class TaintsSet(Event):
    """These are all of its taints."""

    taints: tuple[Taint, ...]


def labels_of(agent_labels: Mapping[str, str], set_labels: Mapping[str, str | None]) -> dict[str, str]:
    """The agent's labels as an administrator has changed them, by key."""
    both: dict[str, str | None] = {**agent_labels, **set_labels}
    return {key: value for key, value in sorted(both.items()) if value is not None}


def drain_deadline(node: Node) -> datetime | None:
    """When the leases that a drain has left are ended; None for never."""
    drain = node.drain
    return None if drain is None or drain.ended else drain.end_at


def drain_reason(node: Node) -> str:
    """Why the leases of a node that is drained have to give way, a sentence."""
    if node.drain is None:
        return f"node {node.name} is drained"
    return f"node {node.name} is drained by {node.drain.by}" + (f" ({node.drain.reason})" if node.drain.reason else "")


def end_drain_when_due(node: Node, now: datetime) -> Outcome[Node]:
    """End what is left on the node when its drain's time is over."""
    deadline = drain_deadline(node)
    if node.drain is None or deadline is None or now < deadline:
        return node, ()
    ended = _with(node, drain=node.drain.model_copy(update={"ended": True}))
    note = NoteOfNode(node.name, "drain-over", "the time of its drain is over; leases that were left were ended")
    return ended, (RevokeLeasesOnNode(node.name, f"had to give way: {drain_reason(node)}"), note)


def see_faults(node: Node, faults: tuple[GpuFault, ...] | None, now: datetime) -> Outcome[Node]:
    """Take out what is newly sick; put back what has become well. `faults`: None when the agent looks for none."""
    if faults is None:
        return node, ()
    commands: list[Command] = []
    after = node if faults == node.faults else _with(node, faults=faults)
    for fault in faults:
        settled = node.faults_settled.get(fault.gpu_uuid)
        if after.is_out(fault.gpu_uuid) or (settled is not None and fault.at <= settled):
            continue
        out = GpuOut(gpu_uuid=fault.gpu_uuid, reason=fault.sentence, by=POOL, at=now, fault=fault, boot_id=node.boot_id)
        after = _with(after, gpus_out=(*after.gpus_out, out))
        sentence = f"GPU {fault.gpu_uuid} of node {node.name} is sick: {fault.sentence}"
        commands.append(NoteOfNode(node.name, "gpu-sick", f"{sentence}; it was taken out"))
        if fault.kind.ends_leases:
            commands.append(EndLeasesOnGpus(node.name, (fault.gpu_uuid,), sentence))
    there = {gpu.uuid for gpu in node.gpus} - {fault.gpu_uuid for fault in faults}
    for out in node.gpus_out:
        if out.fault is not None and out.boot_id != node.boot_id and out.gpu_uuid in there:
            after = _with(after, gpus_out=tuple(other for other in after.gpus_out if other != out))
            back = f"GPU {out.gpu_uuid} is well since its node started anew; it was put back"
            commands.append(NoteOfNode(node.name, "gpu-back", back))
    return after, tuple(commands)


def _with(node: Node, **changes: object) -> Node:
    # model_copy does not validate; every change is made of values that were validated before.
    return node.model_copy(update=changes)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def _cordon(node: Node, event: Cordoned, now: datetime) -> Outcome[Node]:
    note = NoteOfNode(node.name, "cordoned", f"cordoned by {event.by}{_because(event.reason)}")
    return _with(node, cordon=Cordon(by=event.by, at=now, reason=event.reason)), (note, Reschedule())


def _uncordon(node: Node, event: Uncordoned, _now: datetime) -> Outcome[Node]:
    if node.cordon is None and node.drain is None:
        return node, ()
    note = NoteOfNode(node.name, "uncordoned", f"takes leases again, said {event.by}")
    return _with(node, cordon=None, drain=None), (note, HeedDrain(node.name), Reschedule())


def _drain(node: Node, event: DrainBegan, now: datetime) -> Outcome[Node]:
    end_at = None if event.grace_s is None else now + timedelta(seconds=event.grace_s)
    drain = Drain(by=event.by, at=now, reason=event.reason, end_at=end_at)
    cordon = node.cordon
    if cordon is None or (node.drain is not None and cordon.at >= node.drain.at):
        cordon = Cordon(by=event.by, at=now, reason=event.reason)
    rest = "" if end_at is None else f"; leases that are left are ended in {event.grace_s:g} s"
    note = NoteOfNode(node.name, "drain", f"drained by {event.by}{_because(event.reason)}{rest}")
    draining, commands = end_drain_when_due(_with(node, cordon=cordon, drain=drain), now)
    return draining, (note, *commands, HeedDrain(node.name), Reschedule())


def _cancel_drain(node: Node, event: DrainCancelled, _now: datetime) -> Outcome[Node]:
    if node.drain is None:
        return node, ()
    # The drain's own cordon was made in the same moment.
    cordon = node.cordon if node.cordon is not None and node.cordon.at < node.drain.at else None
    note = NoteOfNode(node.name, "drain-cancelled", f"the drain was cancelled by {event.by}")
    return _with(node, drain=None, cordon=cordon), (note, HeedDrain(node.name), Reschedule())


def _take_out(node: Node, event: GpuTakenOut, now: datetime) -> Outcome[Node]:
    out = GpuOut(gpu_uuid=event.gpu_uuid, reason=event.reason, by=event.by, at=now, boot_id=node.boot_id)
    others = tuple(other for other in node.gpus_out if other.gpu_uuid != event.gpu_uuid)
    sentence = f"GPU {event.gpu_uuid} of node {node.name} was taken out by {event.by}{_because(event.reason)}"
    commands: list[Command] = [NoteOfNode(node.name, "gpu-out", sentence), Reschedule()]
    if event.end_leases:
        commands.append(EndLeasesOnGpus(node.name, (event.gpu_uuid,), sentence))
    return _with(node, gpus_out=(*others, out)), tuple(commands)


def _put_back(node: Node, event: GpuPutBack, _now: datetime) -> Outcome[Node]:
    if not node.is_out(event.gpu_uuid):
        return node, ()
    outs = tuple(out for out in node.gpus_out if out.gpu_uuid != event.gpu_uuid)
    known = [fault for fault in node.faults if fault.gpu_uuid == event.gpu_uuid]
    known += [out.fault for out in node.gpus_out if out.gpu_uuid == event.gpu_uuid and out.fault is not None]
    settled = dict(node.faults_settled)
    if known:
        settled[event.gpu_uuid] = max(fault.at for fault in known)
    note = NoteOfNode(node.name, "gpu-back", f"GPU {event.gpu_uuid} was put back by {event.by}")
    return _with(node, gpus_out=outs, faults_settled=settled), (note, Reschedule())


def _label(node: Node, event: LabelsSet, _now: datetime) -> Outcome[Node]:
    # A label that is neither the agent's nor set needs no memory of having been taken away.
    chosen = {**node.set_labels, **event.labels}
    chosen = {key: value for key, value in chosen.items() if value is not None or key in node.agent_labels}
    labels = labels_of(node.agent_labels, chosen)
    if (chosen, labels) == (node.set_labels, node.labels):
        return node, ()
    return _with(node, set_labels=chosen, labels=labels), (Reschedule(),)


def _taint(node: Node, event: TaintsSet, _now: datetime) -> Outcome[Node]:
    if event.taints == node.taints:
        return node, ()
    return _with(node, taints=event.taints), (Reschedule(),)


CARE: dict[type[Event], Callable[[Node, Any, datetime], Outcome[Node]]] = {
    Cordoned: _cordon,
    Uncordoned: _uncordon,
    DrainBegan: _drain,
    DrainCancelled: _cancel_drain,
    GpuTakenOut: _take_out,
    GpuPutBack: _put_back,
    LabelsSet: _label,
    TaintsSet: _taint,
}
"""All of these can happen in any state."""
