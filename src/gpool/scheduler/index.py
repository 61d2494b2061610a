"""The pool as arrays over nodes × GPUs: what is free where. Kept between cycles and changed by differences.

A row is a node, a column one of its GPUs. Rows have a version that grows with every change, so that whoever has worked
something out about a row knows whether it still holds. Everything that changes what is free is written in a journal
and can be taken back: a cycle tries things out, and leaves the index as it found it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from gpool.scheduler.arrays import Bools, Ints
from gpool.scheduler.company import Company
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.gpu_models import is_model
from gpool.scheduler.traits import NodeTraits, Traits

__all__ = ["KINDS", "GpuSlot", "PoolIndex", "Spot", "kind_of"]

_NONE = -1
KINDS = 5
"""Kinds of demands: shares, and whole GPUs by number: 1, 2, up to 4, more."""


def kind_of(demand: Demand) -> int:
    """Which kind a demand is; see `KINDS`."""
    if not demand.whole:
        return 0
    return 1 + (demand.vgpus > 1) + (demand.vgpus > 2) + (demand.vgpus > 4)


@dataclass(frozen=True, slots=True)
class GpuSlot:
    """A GPU as the index knows it."""

    uuid: str
    memory_bytes: int
    model: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """GPUs of one node."""

    row: int
    columns: tuple[int, ...]


class PoolIndex:
    """See the module. Arrays are read by everybody and written here only."""

    def __init__(self) -> None:
        self.names: list[str] = []
        """Of each row. Arrays may be longer: there is room for nodes to come."""
        self.rows: dict[str, int] = {}
        self.slots: list[tuple[GpuSlot, ...]] = []
        self.models: list[str] = []
        """Known GPU models; the arrays hold positions in this list."""
        self.structure = 0
        """Grows when rows, GPUs or the order change, so that whatever was worked out about them is void."""
        self._journal: list[tuple[object, ...]] = []
        self._trials = 0
        self._undoing = False
        self._holders: dict[tuple[int, int], list[str]] = {}
        self._fixed_order: dict[str, int] | None = None
        self._allowed: dict[frozenset[str], Bools] = {}
        self.traits = Traits()
        self.own_filter: Callable[[PoolIndex, Demand], Bools] | None = None
        """Nodes that rules of others allow for a demand; None: all."""
        self.company = Company()
        self._allocate(0, 0)

    def _allocate(self, rows: int, columns: int) -> None:
        shape = (rows, columns)
        self.total_bytes: Ints = np.full(shape, _NONE, dtype=np.int64)
        self.free_bytes: Ints = np.full(shape, _NONE, dtype=np.int64)
        """Below zero where somebody waits for more than is free."""
        self.unreserved: Ints = np.full(shape, _NONE, dtype=np.int64)
        """Permille of compute that nobody has reserved."""
        self.left: Ints = np.full(shape, _NONE, dtype=np.int64)
        """Milli-GPUs left, the smaller of memory and compute; 1000 means that nobody is there; -1 is no GPU."""
        self.model: Ints = np.full(shape, _NONE, dtype=np.int64)
        self.claims: Ints = np.zeros(shape, dtype=np.int64)
        """How many waiting requests keep (a part of) this GPU for themselves."""
        self.there: Ints = np.zeros(shape, dtype=np.int64)
        """How many vGPUs are on each GPU."""
        self.gpus: Ints = np.zeros(rows, dtype=np.int64)
        self.idle: Ints = np.zeros(rows, dtype=np.int64)
        """Sum of `left`."""
        self.cpu_total: Ints = np.zeros(rows, dtype=np.int64)
        self.cpu_left: Ints = np.zeros(rows, dtype=np.int64)
        self.memory_left: Ints = np.zeros(rows, dtype=np.int64)
        self.ready: Bools = np.zeros(rows, dtype=np.bool_)
        self.kinds: Ints = np.zeros((rows, KINDS), dtype=np.int64)
        """How many leases of each kind have GPUs here."""
        self.version: Ints = np.zeros(rows, dtype=np.int64)
        self.order: Ints = np.zeros(rows, dtype=np.int64)
        """Which of two equally good nodes is taken: the one with the smaller number, always."""
        self.row_model: Ints = np.full(rows, _NONE, dtype=np.int64)
        """Model of the node's first GPU."""
        self.idle_of_model: Ints = np.zeros(len(self.models), dtype=np.int64)
        """Milli-GPUs that are left of each model on nodes that are ready."""
        self.gpus_of_model: Ints = np.zeros(len(self.models), dtype=np.int64)

    # Nodes

    def put_nodes(
        self, nodes: Iterable[tuple[str, Sequence[GpuSlot], bool]], hosts: dict[str, tuple[int, int]] | None = None
    ) -> None:
        """Add nodes (name, GPUs, ready), or replace those of the same name by empty ones.

        `hosts`: processors (milli) and memory (MiB) of the nodes that offer them.
        """
        nodes = list(nodes)
        columns = max([self.left.shape[1], *(len(gpus) for _, gpus, _ in nodes)])
        fresh = {name for name, _, _ in nodes if name not in self.rows}
        self._grow(len(self.names) + len(fresh), columns)
        for name, gpus, ready in nodes:
            row = self.rows.get(name)
            if row is None:
                row = self.rows[name] = len(self.names)
                self.names.append(name)
                self.slots.append(())
            self._fill_row(row, tuple(gpus), ready, (hosts or {}).get(name, (0, 0)))
        self._reorder()

    def set_ready(self, name: str, ready: bool) -> None:
        """Say whether a node takes anything new."""
        row = self.rows[name]
        if bool(self.ready[row]) is not ready:
            self._count_models(row, -1)
            self.ready[row] = ready
            self._count_models(row, +1)
            self.version[row] += 1

    def set_traits(self, name: str, traits: NodeTraits) -> None:
        """Say what a node's labels, taints and host are. What is on it stays, though it might not come there now."""
        row = self.rows[name]
        if self.traits.put(row, traits):
            self.version[row] += 1

    def set_order(self, order: dict[str, int]) -> None:
        """Prefer equally good nodes by these numbers instead of by name."""
        self._fixed_order = order
        self._reorder()

    def _grow(self, rows: int, columns: int) -> None:
        old_rows, old_columns = self.left.shape
        if rows <= old_rows and columns <= old_columns:
            return
        before = dict(vars(self))
        # A tenth more than asked for: a pool that grows node by node is not copied each time.
        self._allocate(max(old_rows, rows + rows // 10 if old_rows else rows), max(old_columns, columns))
        self.traits.resize(len(self.ready))
        for name, old in before.items():
            new = getattr(self, name)
            if isinstance(old, np.ndarray) and new is not old:
                new[tuple(slice(0, size) for size in old.shape)] = old

    def _model_id(self, model: str) -> int:
        if model not in self.models:
            self.models.append(model)
            self.idle_of_model = np.append(self.idle_of_model, 0)
            self.gpus_of_model = np.append(self.gpus_of_model, 0)
        return self.models.index(model)

    def _count_models(self, row: int, sign: int) -> None:
        if not self.ready[row]:
            return
        for column in range(int(self.gpus[row])):
            self.idle_of_model[self.model[row, column]] += sign * self.left[row, column]
            self.gpus_of_model[self.model[row, column]] += sign

    def _fill_row(self, row: int, gpus: tuple[GpuSlot, ...], ready: bool, host: tuple[int, int]) -> None:
        self._count_models(row, -1)
        for column in range(int(self.gpus[row])):
            self._holders.pop((row, column), None)
        for array in (self.total_bytes, self.free_bytes, self.unreserved, self.left, self.model):
            array[row] = _NONE
        self.slots[row] = gpus
        self.claims[row] = 0
        self.there[row] = 0
        self.kinds[row] = 0
        count = len(gpus)
        self.gpus[row] = count
        self.total_bytes[row, :count] = self.free_bytes[row, :count] = [gpu.memory_bytes for gpu in gpus]
        self.unreserved[row, :count] = self.left[row, :count] = WHOLE
        self.model[row, :count] = [self._model_id(gpu.model) for gpu in gpus]
        self.row_model[row] = self.model[row, 0] if count else _NONE
        self.idle[row] = count * WHOLE
        self.cpu_total[row] = self.cpu_left[row] = host[0]
        self.memory_left[row] = host[1]
        self.ready[row] = ready
        self._count_models(row, +1)
        self.version[row] += 1

    def _reorder(self) -> None:
        if self._fixed_order is not None:
            last = len(self._fixed_order)
            for name, row in self.rows.items():
                self.order[row] = self._fixed_order.get(name, last)
        else:
            for rank, name in enumerate(sorted(self.rows)):
                self.order[self.rows[name]] = rank
        self._allowed.clear()
        self.structure += 1

    # Who is where

    def take(self, holder: str, demand: Demand, spot: Spot) -> None:
        """Lay vGPUs of the demand over GPUs of one node."""
        for column in spot.columns:
            self._holders.setdefault((spot.row, column), []).append(holder)
            self.there[spot.row, column] += 1
            self._move(spot.row, column, demand, -1)
        self.kinds[spot.row, kind_of(demand)] += 1
        if demand.where is not None:
            self.company.change(demand.where, spot.row, spot.columns, +1)
        self._note(self.give_back, holder, demand, spot)

    def give_back(self, holder: str, demand: Demand, spot: Spot) -> None:
        """Undo a `take`."""
        for column in spot.columns:
            holders = self._holders[spot.row, column]
            holders.remove(holder)
            self.there[spot.row, column] -= 1
            self._move(spot.row, column, demand, +1)
        self.kinds[spot.row, kind_of(demand)] -= 1
        if demand.where is not None:
            self.company.change(demand.where, spot.row, spot.columns, -1)
        self._note(self.take, holder, demand, spot)

    def take_host(self, demand: Demand, row: int, times: int = 1) -> None:
        """Charge the demand's processors and memory to a node; `times` -1 gives them back."""
        self.cpu_left[row] -= times * demand.cpu_milli
        self.memory_left[row] -= times * demand.memory_mib
        self.version[row] += 1
        self._note(self.take_host, demand, row, -times)

    def claim(self, demand: Demand, spots: Sequence[Spot], times: int = 1) -> None:
        """Keep GPUs for a request that waits, though they may not be free now; `times` -1 undoes it."""
        if not spots:
            return
        rows = np.array([spot.row for spot in spots for _ in spot.columns], dtype=np.int64)
        columns = np.array([column for spot in spots for column in spot.columns], dtype=np.int64)
        total = self.total_bytes[rows, columns]
        free = self.free_bytes[rows, columns] - times * (total if demand.whole else demand.bytes)
        unreserved = self.unreserved[rows, columns] - times * (WHOLE if demand.whole else demand.permille)
        left = np.maximum(np.minimum(free * WHOLE // total, unreserved), 0)
        change = left - self.left[rows, columns]
        self.claims[rows, columns] += times
        self.free_bytes[rows, columns], self.unreserved[rows, columns], self.left[rows, columns] = (
            free,
            unreserved,
            left,
        )
        np.add.at(self.idle, rows, change)
        np.add.at(self.idle_of_model, self.model[rows, columns], np.where(self.ready[rows], change, 0))
        self.version[rows] += 1
        self._note(self.claim, demand, spots, -times)

    def _move(self, row: int, column: int, demand: Demand, sign: int) -> None:
        # One GPU after the other: for so few numbers, arrays would cost more than they save.
        total = int(self.total_bytes[row, column])
        taken_bytes, taken_permille = (total, WHOLE) if demand.whole else (demand.bytes, demand.permille)
        free = int(self.free_bytes[row, column]) + sign * taken_bytes
        unreserved = int(self.unreserved[row, column]) + sign * taken_permille
        left = max(0, min(free * WHOLE // total, unreserved))
        change = left - int(self.left[row, column])
        self.free_bytes[row, column] = free
        self.unreserved[row, column] = unreserved
        self.left[row, column] = left
        self.idle[row] += change
        if self.ready[row]:
            self.idle_of_model[self.model[row, column]] += change
        self.version[row] += 1

    def holders(self, row: int, column: int) -> Sequence[str]:
        """Ids of the leases with a vGPU on this GPU."""
        return self._holders.get((row, column), ())

    # Trying out

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Whatever is taken, given back or claimed inside is undone at the end, last first. Trials may be nested."""
        mark = len(self._journal)
        self._trials += 1
        try:
            yield
        finally:
            self._trials -= 1
            undoing, self._undoing = self._undoing, True
            while len(self._journal) > mark:
                undo, *arguments = self._journal.pop()
                undo(*arguments)  # type: ignore[operator]
            self._undoing = undoing

    def _note(self, *entry: object) -> None:
        if self._trials and not self._undoing:
            self._journal.append(entry)

    # Questions

    def fitting(self, demand: Demand, rows: Ints | slice = slice(None)) -> Bools:
        """Which GPUs (rows × columns) can take a vGPU of the demand now, beside those who are there.

        The node's state, the demand's `node` and its constraints are not looked at.
        """
        if demand.whole:
            fits: Bools = self.left[rows] == WHOLE
        else:
            fits = (self.unreserved[rows] >= demand.permille) & (self.left[rows] >= 0)
            if demand.bytes:
                fits &= self.free_bytes[rows] >= demand.bytes
        if demand.gpu_bytes:
            fits &= self.total_bytes[rows] >= demand.gpu_bytes
        if demand.models:
            fits = np.logical_and(fits, self._of_models(demand.models)[rows])
        return fits

    def fitting_empty(self, demand: Demand) -> Bools:
        """Which GPUs (rows × columns) could take a vGPU of the demand if nobody else were there."""
        fits: Bools = self.left >= 0
        least_bytes = demand.gpu_bytes if demand.whole else demand.bytes
        if least_bytes:
            fits &= self.total_bytes >= least_bytes
        if demand.models:
            fits &= self._of_models(demand.models)
        return fits

    def rows_for(self, demand: Demand) -> Bools:
        """Nodes that may take the demand as far as their state, its `node` and constraints, and rules of others go.

        Not to be written to.
        """
        rows = self.eligible_rows(demand)
        return rows if self.own_filter is None else rows & self.own_filter(self, demand)

    def eligible_rows(self, demand: Demand) -> Bools:
        """The same, whatever rules of others say."""
        where = demand.where
        if where is not None:
            rows = self.ready & self.traits.allowed(where)
            if where.affinity or where.labels:
                rows = self.company.restrict(where, rows)
        elif self.traits.any_taint:
            rows = self.ready & self.traits.untainted()
        else:
            rows = self.ready
        if demand.node is None:
            return rows
        only = np.zeros_like(rows)
        row = self.rows.get(demand.node)
        if row is not None:
            only[row] = rows[row]
        return only

    def barred(self, demand: Demand) -> set[tuple[int, int]]:
        """GPUs (row, column) on which the demand must not be because of who is there."""
        where = demand.where
        return set() if where is None or not (where.affinity or where.labels) else self.company.barred(where)

    def usable(self, demand: Demand) -> Bools:
        """Which GPUs (rows × columns) may take the demand as far as nodes and constraints go; of size, nothing."""
        usable = np.repeat(self.rows_for(demand)[:, None], self.left.shape[1], axis=1)
        for row, column in self.barred(demand):
            usable[row, column] = False
        return usable

    def nodes_of_models(self, models: frozenset[str]) -> Bools:
        """Nodes with a GPU of one of these models; all nodes when there are none."""
        if not models:
            return np.ones(len(self.ready), dtype=np.bool_)
        allowed: Bools = np.any(self._of_models(models), axis=1)
        return allowed

    def _of_models(self, models: frozenset[str]) -> Bools:
        allowed = self._allowed.get(models)
        if allowed is None:
            ids = [
                number for number, model in enumerate(self.models) if any(is_model(wanted, model) for wanted in models)
            ]
            allowed = self._allowed[models] = np.isin(self.model, ids)
        return allowed
