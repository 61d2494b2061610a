"""Eligible: a node may take a request as far as its name, labels, taints and host go, whatever is free there.

Said of one node at a time, in plain words, for those who are refused. The index works the same out for all nodes at
once (`gpool.scheduler.traits`); a test compares the two.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from gpool.model.lease import LeaseRequest
from gpool.model.node import Node
from gpool.model.placement import Selector

__all__ = ["NodeConstraint", "is_eligible", "node_constraints"]

_SHOWN = 4


@dataclass(frozen=True)
class NodeConstraint:
    """One thing that a request says of its nodes."""

    allows: Callable[[Node], bool]
    nobody: Callable[[Sequence[Node]], str]
    """A sentence's part, about nodes of which it allows none: what is so with them, and what to do."""


def node_constraints(request: LeaseRequest) -> Iterator[NodeConstraint]:
    """All that a request says of its nodes, but for the name."""
    for selector in request.placement.nodes:
        yield _labelled(selector)
    yield _untainted(request)
    if request.placement.reach in ("local", "remote"):
        yield _reached(request)


def is_eligible(node: Node, request: LeaseRequest) -> bool:
    """Whether the node may take the request at all, whatever its state is."""
    if request.node is not None and request.node != node.name:
        return False
    return all(constraint.allows(node) for constraint in node_constraints(request))


def _labelled(selector: Selector) -> NodeConstraint:
    def nobody(nodes: Sequence[Node]) -> str:
        values = sorted({node.labels[selector.key] for node in nodes if selector.key in node.labels})
        shown = ", ".join(values[:_SHOWN]) + (f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else "")
        has = f"its values of {selector.key} are: {shown}" if values else f"no node has a label {selector.key}"
        return f"no node is '{selector}' ({has}); `gpool node ls` shows labels"

    return NodeConstraint(lambda node: selector.allows(node.labels), nobody)


def _untainted(request: LeaseRequest) -> NodeConstraint:
    tolerations = request.placement.tolerations

    def refusing(node: Node) -> list[str]:
        return [str(taint) for taint in node.taints if not any(one.covers(taint) for one in tolerations)]

    def nobody(nodes: Sequence[Node]) -> str:
        taints = sorted({taint for node in nodes for taint in refusing(node)})
        which = "the node" if len(nodes) == 1 else "every node that would do"
        return f"{which} is tainted ({', '.join(taints[:_SHOWN])}); tolerate that if you may"

    return NodeConstraint(lambda node: not refusing(node), nobody)


def _reached(request: LeaseRequest) -> NodeConstraint:
    local, host_id = request.placement.reach == "local", request.host_id

    def nobody(nodes: Sequence[Node]) -> str:
        if local:
            return "no such node is on the host of the program; start an agent there, or let it be remote"
        return "the only such node is on the host of the program itself; let it be local"

    return NodeConstraint(lambda node: (node.boot_id == host_id) is local, nobody)
