"""What the state machines want done. The controller does it; nothing here does anything."""

from dataclasses import dataclass

__all__ = [
    "Command",
    "EndLeasesOnGpus",
    "EndLeasesOnNode",
    "HeedDrain",
    "NoteOfNode",
    "Reschedule",
    "RevokeLeasesOnNode",
    "TellNode",
]


@dataclass(frozen=True, slots=True)
class Command:
    """Something to do after the new state has been stored."""


@dataclass(frozen=True, slots=True)
class TellNode(Command):
    """Send the node its desired state again: the leases that may be used there have changed."""

    node: str


@dataclass(frozen=True, slots=True)
class Reschedule(Command):
    """Look at the queue again: vGPUs or GPUs have become free, or a request is new."""


@dataclass(frozen=True, slots=True)
class EndLeasesOnNode(Command):
    """Feed `NodeGone` to every lease that has vGPUs on the node."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True)
class EndLeasesOnGpus(Command):
    """Feed `Revoked` to every lease that has a vGPU on one of these GPUs."""

    node: str
    gpu_uuids: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class RevokeLeasesOnNode(Command):
    """Feed `Revoked` to every lease that has vGPUs on the node; the node confirms the ends as always."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True)
class HeedDrain(Command):
    """A drain of the node began, was changed or is over: warn its leases of their end, or let them off."""

    node: str


@dataclass(frozen=True, slots=True)
class NoteOfNode(Command):
    """Something happened to a node that people should be able to read of later."""

    node: str
    kind: str
    sentence: str
