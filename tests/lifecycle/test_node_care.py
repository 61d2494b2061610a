"""What administrators do to nodes, and the pool to sick GPUs."""

import pytest

from gpool.lifecycle.commands import Command, EndLeasesOnGpus, NoteOfNode, RevokeLeasesOnNode
from gpool.lifecycle.node import (
    AgentConnected,
    ChannelClosed,
    NodeTimePassed,
    StateObserved,
    apply_to_node,
    node_deadline,
)
from gpool.lifecycle.node_care import (
    Cordoned,
    DrainBegan,
    DrainCancelled,
    GpuPutBack,
    GpuTakenOut,
    LabelsSet,
    Uncordoned,
)
from gpool.model.gpu import FaultKind, GpuFault
from gpool.model.node import Node, NodeState
from stage.values import START, after, make_gpus, make_node

GPU = make_gpus("a", 8)[0].uuid
LOOK = NodeTimePassed(lost_after_s=15, grace_s=60)


def notes(commands: tuple[Command, ...]) -> list[str]:
    return [command.kind for command in commands if isinstance(command, NoteOfNode)]


def fault(kind: FaultKind = FaultKind.XID, at_s: float = 1) -> GpuFault:
    return GpuFault(gpu_uuid=GPU, kind=kind, code=79 if kind is FaultKind.XID else None, at=after(at_s))


def see(node: Node, *faults: GpuFault, at_s: float = 2) -> tuple[Node, tuple[Command, ...]]:
    seen = StateObserved(make_gpus("a", 8), None, "127.0.0.1:4000", settled=True, faults=faults)
    return apply_to_node(node, seen, after(at_s))


def test_a_drain_ends_what_is_left_at_its_time_and_only_once() -> None:
    node, commands = apply_to_node(make_node("a", 8), DrainBegan("root", "new fan", 600), START)
    assert not node.takes_leases
    assert notes(commands) == ["drain"]
    assert node_deadline(node, 15, 60) == after(600)
    node, commands = apply_to_node(node, LOOK, after(599))
    assert commands == ()
    node, commands = apply_to_node(node, LOOK, after(600))
    assert commands[0] == RevokeLeasesOnNode("a", "had to give way: node a is drained by root (new fan)")
    assert node_deadline(node, 15, 60) is None
    assert apply_to_node(node, LOOK, after(700)) == (node, ())


def test_a_forced_drain_ends_everything_now() -> None:
    node, commands = apply_to_node(make_node("a", 8), DrainBegan("root", "", 0), START)
    assert RevokeLeasesOnNode("a", "had to give way: node a is drained by root") in commands
    assert node.drain is not None
    assert node.drain.ended


def test_a_node_that_drains_may_be_lost_meanwhile() -> None:
    node, _ = apply_to_node(make_node("a", 8), DrainBegan("root", "", 20), START)
    node, _ = apply_to_node(node, ChannelClosed(), after(1))
    assert node_deadline(node, 15, 60) == after(16)
    node, commands = apply_to_node(node, LOOK, after(20))
    assert node.state is NodeState.LOST
    assert RevokeLeasesOnNode("a", "had to give way: node a is drained by root") in commands


@pytest.mark.parametrize("cordoned_before", [False, True])
def test_what_a_cancelled_drain_leaves_behind(cordoned_before: bool) -> None:
    node = make_node("a", 8)
    if cordoned_before:
        node, _ = apply_to_node(node, Cordoned("root", ""), START)
    node, _ = apply_to_node(node, DrainBegan("root", "", None), after(1))
    node, _ = apply_to_node(node, DrainBegan("root", "other words", 60), after(2))
    node, _ = apply_to_node(node, DrainCancelled("root"), after(3))
    assert (node.drain, node.cordon is not None) == (None, cordoned_before)
    node, _ = apply_to_node(node, Uncordoned("root"), after(4))
    assert node.takes_leases


def test_labels_of_the_agent_and_of_administrators() -> None:
    def connect(node: Node, labels: dict[str, str] | None) -> Node:
        return apply_to_node(node, AgentConnected("0.1.0", "boot-a", 1, labels), START)[0]

    node = connect(make_node("a", 8), {"zone": "east", "disk": "slow"})
    node, _ = apply_to_node(node, LabelsSet({"disk": "fast", "zone": None, "owner": "ann", "nobody": None}), START)
    assert node.labels == {"disk": "fast", "owner": "ann"}
    node = connect(node, {"zone": "west", "rack": "7"})
    assert node.labels == {"disk": "fast", "owner": "ann", "rack": "7"}, "what an administrator has said stays"
    assert connect(node, None).labels == node.labels, "an older agent says nothing of labels"
    node, _ = apply_to_node(node, LabelsSet({"owner": None}), START)
    assert node.labels == {"disk": "fast", "rack": "7"}


@pytest.mark.parametrize("kind", list(FaultKind))
def test_a_sick_gpu_is_taken_out_once(kind: FaultKind) -> None:
    node, commands = see(make_node("a", 8), fault(kind))
    assert node.is_out(GPU)
    assert notes(commands) == ["gpu-sick"]
    ended = [command for command in commands if isinstance(command, EndLeasesOnGpus)]
    assert bool(ended) is (kind in (FaultKind.XID, FaultKind.ECC, FaultKind.LOST))
    same, commands = see(node, fault(kind))
    assert (same, commands) == (node, ())


def test_an_administrator_puts_it_back_until_the_next_fault() -> None:
    node, _ = see(make_node("a", 8), fault(FaultKind.XID, at_s=1), fault(FaultKind.ECC, at_s=2))
    node, commands = apply_to_node(node, GpuPutBack(GPU, "root"), after(3))
    assert notes(commands) == ["gpu-back"]
    node, commands = see(node, fault(FaultKind.XID, at_s=1), fault(FaultKind.ECC, at_s=2), at_s=4)
    assert not node.is_out(GPU)
    assert commands == ()
    node, _ = see(node, fault(FaultKind.XID, at_s=5), fault(FaultKind.ECC, at_s=2), at_s=6)
    assert node.is_out(GPU)


def test_a_node_that_started_anew_brings_back_what_the_pool_took_out_and_nothing_else() -> None:
    node, _ = see(make_node("a", 8), fault())
    node, _ = apply_to_node(node, AgentConnected("0.1.0", "boot-a", 2), after(3))
    node, _ = see(node, at_s=4)
    assert node.is_out(GPU), "its agent was started again; the GPU was not reset"
    node, _ = apply_to_node(node, AgentConnected("0.1.0", "boot-2", 3), after(5))
    still, _ = see(node, fault(FaultKind.ROW_REMAP, at_s=5), at_s=6)
    assert still.is_out(GPU), "it is still sick"
    well, commands = see(node, at_s=6)
    assert not well.is_out(GPU)
    assert notes(commands) == ["gpu-back"]
    by_hand, _ = apply_to_node(well, GpuTakenOut(GPU, "root", "noisy"), after(7))
    by_hand, _ = apply_to_node(by_hand, AgentConnected("0.1.0", "boot-3", 4), after(8))
    by_hand, _ = see(by_hand, at_s=9)
    assert by_hand.is_out(GPU), "who took it out by hand puts it back by hand"
    old, _ = apply_to_node(by_hand, StateObserved(make_gpus("a", 8), None, None, settled=False), after(9))
    assert old.gpus_out == by_hand.gpus_out, "an older agent says nothing of faults"
