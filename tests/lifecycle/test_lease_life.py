"""Stories of one lease."""

import pytest

from gpool.controller.events import lease_notes
from gpool.lifecycle.commands import Reschedule, TellNode
from gpool.lifecycle.lease import (
    LEASE_TRANSITIONS,
    ControllerRestarted,
    NodeConfirmed,
    NodeGone,
    Placed,
    Released,
    Renewed,
    Revoked,
    TimePassed,
    apply_to_lease,
    lease_deadline,
)
from gpool.lifecycle.transitions import Event, ImpossibleTransition
from gpool.model.lease import LeaseState
from stage.values import START, active, after, make_request, pending


def test_a_granted_lease_tells_its_nodes() -> None:
    there = active("l-2", ("b", 0), ("a", 0), ("b", 1))
    lease, commands = apply_to_lease(pending("l-2", make_request(vgpus=3)), Placed(there.vgpus), after(3))
    assert lease.state is LeaseState.ACTIVE
    assert lease.granted_at == after(3)
    assert commands == (TellNode("b"), TellNode("a"))


def test_a_released_lease_holds_its_vgpus_until_every_node_has_confirmed() -> None:
    lease = active("l-2", ("a", 0), ("b", 0))
    lease, commands = apply_to_lease(lease, Released("ann"), after(1))
    assert lease.state is LeaseState.ENDING
    assert lease.holds_vgpus
    assert commands == (TellNode("a"), TellNode("b"))
    lease, commands = apply_to_lease(lease, NodeConfirmed("b"), after(2))
    assert lease.state is LeaseState.ENDING
    assert commands == ()
    lease, commands = apply_to_lease(lease, NodeConfirmed("b"), after(3))
    assert lease.unconfirmed_nodes == ("a",)
    lease, commands = apply_to_lease(lease, NodeConfirmed("a"), after(4))
    assert lease.state is LeaseState.ENDED
    assert not lease.holds_vgpus
    assert lease.reason == "released by ann"
    assert lease.ended_at == after(4)
    assert commands == (Reschedule(),)


def test_a_lease_lives_as_long_as_it_is_renewed() -> None:
    lease = active("l-2", ("a", 0))
    for second in range(5, 100, 5):
        lease, _ = apply_to_lease(lease, Renewed(), after(second))
        lease, _ = apply_to_lease(lease, TimePassed(), after(second + 4.9))
    assert lease.state is LeaseState.ACTIVE
    assert lease_deadline(lease) == after(95 + 30)
    lease, _ = apply_to_lease(lease, TimePassed(), after(95 + 30))
    assert lease.state is LeaseState.ENDING
    assert "did not renew" in str(lease.reason)


def test_a_lease_ends_when_its_maximum_duration_is_over_however_often_it_is_renewed() -> None:
    lease = active("l-2", ("a", 0), request=make_request(max_duration_s=50, warn_s=10))
    for second in range(5, 50, 5):
        lease, _ = apply_to_lease(lease, Renewed(), after(second))
    assert lease_deadline(lease) == after(40)
    warned, _ = apply_to_lease(lease, TimePassed(), after(41))
    assert [(word, sentence) for _, _, word, sentence in lease_notes(lease, warned)] == [
        ("warned", "it ends by 00:00:50 UTC: its maximum duration is over then")
    ]
    lease, _ = apply_to_lease(warned, TimePassed(), after(45))
    assert lease is warned, "it is warned once"
    assert lease_deadline(lease) == after(50)
    lease, _ = apply_to_lease(lease, TimePassed(), after(49.9))
    assert lease.state is LeaseState.ACTIVE
    lease, _ = apply_to_lease(lease, TimePassed(), after(50))
    assert (lease.state, lease.reason) == (LeaseState.ENDING, "its maximum duration of 50 s is over")


def test_a_clock_that_goes_back_does_not_shorten_a_lease() -> None:
    lease, _ = apply_to_lease(active("l-2", ("a", 0)), Renewed(), after(100))
    again, _ = apply_to_lease(lease, Renewed(), after(50))
    assert again.expires_at == lease.expires_at


def test_a_request_gives_up_after_its_timeout_and_says_what_it_waited_for() -> None:
    lease = pending("l-2", make_request(timeout_s=5)).model_copy(update={"reason": "wants 1 whole GPU; all are taken"})
    assert lease_deadline(lease) == after(5)
    lease, _ = apply_to_lease(lease, TimePassed(), after(4.9))
    assert lease.state is LeaseState.PENDING
    lease, _ = apply_to_lease(lease, TimePassed(), after(5))
    assert lease.state is LeaseState.ENDED
    assert lease.reason == "not granted within 5 s: wants 1 whole GPU; all are taken"


def test_a_request_whose_holder_has_gone_does_not_wait_for_ever() -> None:
    lease, _ = apply_to_lease(pending("l-2"), TimePassed(), after(30))
    assert lease.state is LeaseState.ENDED
    assert "not heard of" in str(lease.reason)


def test_a_node_that_is_gone_ends_the_lease_but_the_other_node_must_confirm() -> None:
    lease, commands = apply_to_lease(active("l-2", ("a", 0), ("b", 0)), NodeGone("a", "node a is gone"), START)
    assert (lease.state, lease.unconfirmed_nodes, commands) == (LeaseState.ENDING, ("b",), (TellNode("b"),))


def test_a_lease_of_one_node_ends_with_it() -> None:
    lease, _ = apply_to_lease(active("l-2", ("a", 0)), NodeGone("a", "node a is gone"), START)
    assert (lease.state, lease.reason) == (LeaseState.ENDED, "node a is gone")


def test_a_node_that_is_gone_counts_as_confirmed() -> None:
    lease, _ = apply_to_lease(active("l-2", ("a", 0)), Revoked("maintenance"), START)
    lease, _ = apply_to_lease(lease, NodeGone("a", "node a is gone"), after(1))
    assert (lease.state, lease.reason) == (LeaseState.ENDED, "maintenance")


def test_a_restarted_controller_gives_every_holder_time() -> None:
    lease, _ = apply_to_lease(active("l-2", ("a", 0)), ControllerRestarted(), after(500))
    assert lease.expires_at == after(530)


@pytest.mark.parametrize("kind", sorted({kind for _, kind in LEASE_TRANSITIONS}, key=lambda kind: kind.__name__))
def test_nothing_happens_to_a_lease_that_has_ended(kind: type[Event]) -> None:
    ended, _ = apply_to_lease(pending("l-2"), Released("ann"), START)
    assert ended.state is LeaseState.ENDED
    assert lease_deadline(ended) is None
    event = object.__new__(kind)
    with pytest.raises(ImpossibleTransition):
        apply_to_lease(ended, event, START)
