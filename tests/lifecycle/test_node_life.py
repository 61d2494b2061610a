"""Stories of one node."""

import pytest

from gpool.lifecycle.commands import EndLeasesOnGpus, EndLeasesOnNode, NoteOfNode, Reschedule, TellNode
from gpool.lifecycle.node import (
    AgentConnected,
    ChannelClosed,
    ControllerBack,
    NodeTimePassed,
    StateObserved,
    apply_to_node,
    begin_node,
    node_deadline,
)
from gpool.lifecycle.transitions import ImpossibleTransition
from gpool.model.node import Node, NodeState
from stage.values import START, after, make_gpus, make_node

HELLO = AgentConnected("0.1.0", "boot-1", 1)
LOOK = NodeTimePassed(lost_after_s=15, grace_s=60)


def observed(*sizes_gib: int, settled: bool = True) -> StateObserved:
    return StateObserved(make_gpus("a", *sizes_gib), None, "127.0.0.1:4000", settled)


def test_a_new_node_joins_and_is_ready_when_it_has_settled() -> None:
    node, commands = apply_to_node(begin_node("a", START), HELLO, START)
    assert (node.state, commands) == (NodeState.JOINING, (TellNode("a"),))
    node, _ = apply_to_node(node, observed(8, settled=False), after(1))
    assert node.state is NodeState.JOINING
    node, commands = apply_to_node(node, observed(8), after(2))
    assert node.state is NodeState.READY
    assert commands == (Reschedule(),)


def test_a_silent_node_is_lost_after_15_s_and_given_up_after_60_more() -> None:
    node, _ = apply_to_node(make_node("a", 8), ChannelClosed(), START)
    assert node_deadline(node, 15, 60) == after(15)
    node, _ = apply_to_node(node, LOOK, after(14.9))
    assert node.state is NodeState.DISCONNECTED
    node, _ = apply_to_node(node, LOOK, after(15))
    assert node.state is NodeState.LOST
    node, commands = apply_to_node(node, LOOK, after(74.9))
    assert (node.state, commands) == (NodeState.LOST, ())
    node, commands = apply_to_node(node, LOOK, after(75))
    assert node.state is NodeState.GONE
    assert commands[0] == EndLeasesOnNode("a", "node a was not heard of for 75 s")
    assert [note.kind for note in commands if isinstance(note, NoteOfNode)] == ["gone"]
    assert node_deadline(node, 15, 60) is None


@pytest.mark.parametrize("state", list(NodeState))
def test_an_agent_may_come_back_whatever_had_become_of_its_node(state: NodeState) -> None:
    node, _ = apply_to_node(make_node("a", 8, state=state), HELLO, after(1))
    assert node.state is NodeState.JOINING
    assert node.gpus == make_gpus("a", 8)


def test_a_gpu_that_has_vanished_takes_its_leases_with_it() -> None:
    node = make_node("a", 8, 8)
    after_loss, commands = apply_to_node(node, observed(8), after(1))
    assert after_loss.gpus == make_gpus("a", 8)
    sentence = f"node a no longer has the GPU {node.gpus[1].uuid}"
    ended = EndLeasesOnGpus("a", (node.gpus[1].uuid,), sentence)
    assert commands == (ended, NoteOfNode("a", "gpu-missing", sentence), Reschedule())


def test_the_same_state_again_causes_nothing() -> None:
    node = make_node("a", 8)
    same, commands = apply_to_node(node, observed(8), after(1))
    assert (same, commands) == (node, ())


@pytest.mark.parametrize("state", [state for state in NodeState if state is not NodeState.GONE])
def test_a_restarted_controller_gives_nodes_their_full_time(state: NodeState) -> None:
    node, _ = apply_to_node(make_node("a", 8, state=state), ControllerBack(), after(1000))
    assert (node.state, node.since) == (NodeState.DISCONNECTED, after(1000))


@pytest.mark.parametrize("state", [NodeState.DISCONNECTED, NodeState.LOST, NodeState.GONE])
def test_a_node_without_a_channel_observes_nothing(state: NodeState) -> None:
    node: Node = make_node("a", 8, state=state)
    with pytest.raises(ImpossibleTransition):
        apply_to_node(node, observed(8), START)
