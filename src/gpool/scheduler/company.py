"""Who is beside whom: where leases with labels are, and which leases want to be away from which.

Affinities look at the leases of everybody. That a lease, once placed, keeps others away is heeded only among leases of
one owner: nobody can close a node to strangers.
"""

from collections import Counter
from collections.abc import Iterator

from gpool.scheduler.arrays import Bools
from gpool.scheduler.constraints import Constraints, Near

__all__ = ["Company"]

_Labels = frozenset[tuple[str, str]]
_Places = Counter[tuple[int, int]]


class Company:
    """Changed by differences; what it answers holds for the moment."""

    def __init__(self) -> None:
        self._called: dict[_Labels, _Places] = {}
        """Labels → GPUs (row, column) on which leases with just these are."""
        self._keepers: dict[tuple[str, Near], _Places] = {}
        """(owner, whom he wants to be away from) → GPUs on which such leases are."""

    def change(self, where: Constraints, row: int, columns: tuple[int, ...], sign: int) -> None:
        """A lease with these constraints has come to GPUs of a node (`sign` +1) or has gone (-1)."""
        keys: list[tuple[dict, object]] = [(self._called, where.labels)] if where.labels else []  # type: ignore[type-arg]
        keys += [(self._keepers, (where.owner, near)) for near in where.affinity if near.relation != "same-node"]
        for table, key in keys:
            places = table.setdefault(key, Counter())
            for column in columns:
                places[row, column] += sign
                if not places[row, column]:
                    del places[row, column]
            if not places:
                del table[key]

    def restrict(self, where: Constraints, rows: Bools) -> Bools:
        """Of these nodes, those on which the lease may be as far as others go."""
        rows = rows.copy()
        for near in where.affinity:
            if near.relation == "same-node":
                there = {row for row, _ in self._places_of(near.labels)}
                # The first of those that want to be together may be anywhere.
                if there or not near.labels <= where.labels:
                    kept = rows[list(there)]
                    rows[:] = False
                    rows[list(there)] = kept
        for relation, places in self._away_from(where):
            if relation == "other-node":
                rows[[row for row, _ in places]] = False
        return rows

    def barred(self, where: Constraints) -> set[tuple[int, int]]:
        """GPUs on which the lease must not be though it may be on their node."""
        return {place for relation, places in self._away_from(where) if relation == "other-gpu" for place in places}

    def nobody_called(self, labels: _Labels) -> bool:
        """Whether no lease that holds a GPU carries these."""
        return not any(True for _ in self._places_of(labels))

    def _places_of(self, labels: _Labels) -> Iterator[tuple[int, int]]:
        for called, places in self._called.items():
            if labels <= called:
                yield from places

    def _away_from(self, where: Constraints) -> Iterator[tuple[str, _Places]]:
        for near in where.affinity:
            if near.relation != "same-node":
                for called, places in self._called.items():
                    if near.labels <= called:
                        yield near.relation, places
        if where.labels:
            for (owner, near), places in self._keepers.items():
                if owner == where.owner and near.labels <= where.labels:
                    yield near.relation, places
