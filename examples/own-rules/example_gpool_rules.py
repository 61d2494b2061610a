"""Three rules for a pool, one of each kind. docs/guides/own-rules.md says how they come into it."""

from gpool.model.lease import LeaseRequest
from gpool.rules import NodeState, Wanted


class PreferLabel:
    """A score: nodes with this label first, such as `power=solar`."""

    def __init__(self, key: str, value: str, points: float = 50.0) -> None:
        self._key, self._value, self._points = key, value, points

    def points(self, node: NodeState, wanted: Wanted) -> float:
        return self._points if node.labels.get(self._key) == self._value else 0.0


class KeepWhole:
    """A filter: shares stay away from nodes with this label."""

    def __init__(self, label: str = "whole-only") -> None:
        self._label = label

    def allows(self, node: NodeState, wanted: Wanted) -> bool:
        return wanted.whole or self._label not in node.labels


class ShortFirst:
    """An order: who says that he needs the GPUs for a short time only comes before those who do not say so."""

    def __init__(self, short_s: float = 3600.0) -> None:
        self._short_s = short_s

    def rank(self, request: LeaseRequest, owner: str, queue: str) -> float:
        duration_s = request.max_duration_s
        return 0.0 if duration_s is not None and duration_s <= self._short_s else 1.0
