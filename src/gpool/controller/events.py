"""What is worth telling of a change: pure, from what was and what is."""

from collections.abc import Iterator

from gpool.model.base import Model
from gpool.model.lease import Lease, LeaseState
from gpool.model.node import Node, NodeState
from gpool.model.policy import Policy

__all__ = ["Note", "lease_notes", "node_notes", "policy_differences", "policy_notes"]

_TOLD_WITH_REASONS = (NodeState.LOST, NodeState.GONE)
"""By `gpool.lifecycle.node`, as `NoteOfNode`."""

Note = tuple[str, str, str, str]
"""Kind and name of the object, what happened in a word, and a sentence."""


def lease_notes(before: Lease | None, after: Lease) -> Iterator[Note]:
    """What has happened to a lease."""

    def note(word: str, sentence: str) -> Note:
        return "lease", after.id, word, sentence

    if before is None:
        yield note("asked", f"{after.owner} asked for it in queue {after.queue}")
    state = before.state if before else LeaseState.PENDING
    if after.state is LeaseState.PENDING and after.room != (before.room if before else ()):
        if after.room:
            nodes = ", ".join(dict.fromkeys(place.node for place in after.room))
            yield note("room-promised", f"others give up their GPUs on {nodes} for it")
        else:
            yield note("room-lost", "nobody gives up GPUs for it any more")
    if state is LeaseState.PENDING and after.state is LeaseState.ACTIVE:
        nodes = ", ".join(after.nodes)
        yield note("granted", f"it got {len(after.vgpus)} vGPU{'s' * (len(after.vgpus) > 1)} on {nodes}")
    if before is not None and before.vgpus and after.vgpus != before.vgpus:
        yield note("moved", f"it was not in use yet, and is on {', '.join(after.nodes)} now, so that another fits")
    old, new = before.eviction if before else None, after.eviction
    if after.state is LeaseState.ACTIVE and new != old:
        if new is None:
            yield note("let-off", "it need not give way any more")
        elif old is None or old.beneficiary != new.beneficiary:
            yield note("warned", f"it has to give way by {new.ends_at:%H:%M:%S} UTC: {new.reason}")
    if after.over_warned_at is not None and (before is None or before.over_warned_at is None):
        yield note("warned", f"it ends by {after.over_at:%H:%M:%S} UTC: its maximum duration is over then")
    if after.state is LeaseState.ENDING and state is not LeaseState.ENDING:
        yield note("ending", after.reason or "it ends")
    if after.state is LeaseState.ENDED and state is not LeaseState.ENDED:
        yield note("ended", after.reason or "it has ended")


def node_notes(before: Node | None, after: Node) -> Iterator[Note]:
    """What has happened to a node, apart from what the steps of its life tell themselves."""
    if before is None or (before.state is not after.state and after.state not in _TOLD_WITH_REASONS):
        yield "node", after.name, str(after.state), f"the node is {after.state}"


def policy_notes(before: Policy, after: Policy, by: str) -> Iterator[Note]:
    """What has happened to queues, priority classes, calendars and settings."""
    for kind, name, was, became in policy_differences(before, after):
        word = "made" if was is None else "changed" if became is not None else "removed"
        yield kind, name, word, f"{by} changed the pool's settings" if kind == "pool" else f"{by} {word} it"


def policy_differences(before: Policy, after: Policy) -> Iterator[tuple[str, str, Model | None, Model | None]]:
    """Kind and name of every part of the policy that differs, what it was and what it is."""
    for kind, old, new in (
        ("queue", before.queues, after.queues),
        ("priority-class", before.priority_classes, after.priority_classes),
        ("calendar", before.calendars, after.calendars),
    ):
        were, are = ({found.name: found for found in values} for values in (old, new))
        for name in sorted(were.keys() | are.keys()):
            if were.get(name) != are.get(name):
                yield kind, name, were.get(name), are.get(name)
    if before.settings != after.settings:
        yield "pool", "settings", before.settings, after.settings
