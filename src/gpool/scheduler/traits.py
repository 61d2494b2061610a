"""What nodes say of themselves, as columns: labels, taints and hosts, and the masks that constraints make of them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from gpool.model.node import Taint
from gpool.scheduler.arrays import Bools, Ints
from gpool.scheduler.constraints import Constraints, Tolerated, Wanted

__all__ = ["NodeTraits", "Traits"]

_ABSENT = -1


@dataclass(frozen=True, slots=True)
class NodeTraits:
    """Of one node."""

    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Taint, ...] = ()
    host_id: str = ""


class Traits:
    """Of all rows. A mask is worked out once for equal constraints, and kept until a node says something else."""

    def __init__(self) -> None:
        self._nodes: dict[int, NodeTraits] = {}
        self._size = 0
        self._labels: dict[str, Ints] = {}
        """Per key, the number of each row's value."""
        self._values: dict[str, dict[str, int]] = {}
        self._tainted: dict[Taint, Bools] = {}
        self._masks: dict[object, Bools] = {}

    def resize(self, rows: int) -> None:
        """There are so many rows now, or more to come."""
        if rows == self._size:
            return
        self._size = rows
        self._masks.clear()
        for column in (self._labels, self._tainted):
            for key, old in column.items():
                fresh = np.full(rows, _ABSENT if column is self._labels else False, dtype=old.dtype)
                fresh[: len(old)] = old
                column[key] = fresh  # type: ignore[assignment,index]

    def labels_of(self, row: int) -> Mapping[str, str]:
        """The labels of a node."""
        return self._nodes.get(row, NodeTraits()).labels

    def put(self, row: int, traits: NodeTraits) -> bool:
        """A node says this of itself from now on. Returns whether that is news."""
        before = self._nodes.get(row, NodeTraits())
        if before == traits:
            return False
        self._nodes[row] = traits
        self._masks.clear()
        for key in {*before.labels, *traits.labels}:
            column = self._labels.setdefault(key, np.full(self._size, _ABSENT, dtype=np.int64))
            known = self._values.setdefault(key, {})
            value = traits.labels.get(key)
            column[row] = _ABSENT if value is None else known.setdefault(value, len(known))
        for taint in {*before.taints, *traits.taints}:
            rows = self._tainted.setdefault(taint, np.zeros(self._size, dtype=np.bool_))
            rows[row] = taint in traits.taints
            if not rows.any():
                del self._tainted[taint]
        return True

    @property
    def any_taint(self) -> bool:
        """Whether some node is not for everybody."""
        return bool(self._tainted)

    def untainted(self) -> Bools:
        """Nodes that are for everybody."""
        return self._mask(Constraints())

    def allowed(self, where: Constraints) -> Bools:
        """Nodes that will do, as far as labels, taints and the host go."""
        return self._mask(where)

    def local(self, host_id: str) -> Bools:
        """Nodes on that host."""
        mask = self._masks.get(host_id)
        if mask is None:
            mask = self._masks[host_id] = np.zeros(self._size, dtype=np.bool_)
            if host_id:
                mask[[row for row, traits in self._nodes.items() if traits.host_id == host_id]] = True
        return mask

    def _mask(self, where: Constraints) -> Bools:
        key = where.selectors, where.tolerations, where.reach, where.host_id
        mask = self._masks.get(key)
        if mask is None:
            mask = np.ones(self._size, dtype=np.bool_)
            for selector in where.selectors:
                mask &= self._selected(selector)
            for taint, rows in self._tainted.items():
                if not _tolerates(where.tolerations, taint):
                    mask &= ~rows
            if where.reach == "local":
                mask &= self.local(where.host_id)
            elif where.reach == "remote":
                mask &= ~self.local(where.host_id)
            self._masks[key] = mask
        return mask

    def _selected(self, wanted: Wanted) -> Bools:
        column = self._labels.get(wanted.key)
        if column is None:
            return np.full(self._size, wanted.operator in ("not-in", "absent"))
        if wanted.operator in ("exists", "absent"):
            there: Bools = column != _ABSENT
        else:
            known = self._values[wanted.key]
            there = np.isin(column, [known[value] for value in wanted.values if value in known])
        return ~there if wanted.operator in ("not-in", "absent") else there


def _tolerates(tolerations: Iterable[Tolerated], taint: Taint) -> bool:
    return any(
        (key is None or key == taint.key) and (value is None or value == taint.value) for key, value in tolerations
    )
