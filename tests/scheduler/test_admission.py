"""Requests that the pool could never grant are refused at once, in words."""

import pytest

from gpool.errors import ImpossibleRequest, UnknownNode
from gpool.model.lease import LeaseRequest
from gpool.model.node import Node, NodeState
from gpool.scheduler.admission import check_possible
from stage.values import make_node, make_request

POOL = (make_node("a", 8), make_node("b", 8, 24), make_node("c", 80, state=NodeState.GONE))


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        (make_request(vgpus=4), "the request wants 4 whole GPUs, but the pool has 3 GPUs; ask for fewer"),
        (
            make_request(gib=40),
            "the request wants 1 vGPU of 40 GiB, but the largest GPU of the pool has 24 GiB; ask for less memory",
        ),
        (
            make_request(vgpus=2, gib=16),
            "the request wants 2 vGPUs of 16 GiB, but the pool has 1 GPU that large; ask for fewer, or for less memory",
        ),
        (
            make_request(vgpus=2, node="a"),
            "the request wants 2 whole GPUs on a, but node a has 1 GPU; ask for fewer",
        ),
        (
            make_request(gib=9, node="a"),
            "the request wants 1 vGPU of 9 GiB on a, but the largest GPU of node a has 8 GiB; ask for less memory",
        ),
    ],
)
def test_what_can_never_be_is_refused(request_: LeaseRequest, sentence: str) -> None:
    with pytest.raises(ImpossibleRequest) as refusal:
        check_possible(request_, POOL)
    assert str(refusal.value) == sentence


def test_an_unknown_node_is_named_beside_those_that_are_known() -> None:
    with pytest.raises(UnknownNode, match="no node 'z'; the pool's nodes are: a, b, c"):
        check_possible(make_request(node="z"), POOL)
    with pytest.raises(UnknownNode, match="none yet"):
        check_possible(make_request(node="z"), ())


@pytest.mark.parametrize(
    ("request_", "pool"),
    [
        (make_request(vgpus=3), POOL),
        (make_request(gib=24), POOL),
        (make_request(vgpus=9), ()),
        (make_request(vgpus=2), (make_node("a", 8), make_node("b", 8, state=NodeState.LOST))),
        (make_request(gib=80, node="c"), POOL),
        (
            make_request(vgpus=9),
            (Node.model_validate({"name": "a", "state": "joining", "since": "2026-01-01T00:00:00Z"}),),
        ),
    ],
    ids=["all of it", "the largest", "no node yet", "a node is away", "pinned to one that is gone", "a node joins"],
)
def test_what_may_yet_be_is_let_in(request_: LeaseRequest, pool: tuple[Node, ...]) -> None:
    check_possible(request_, pool)
