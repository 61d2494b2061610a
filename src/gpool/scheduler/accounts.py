"""What each queue uses, and has used: the numbers that fairness rests on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NamedTuple

from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import PoolIndex
from gpool.scheduler.queues import ROOT, QueueTree

__all__ = ["HALF_LIFE_S", "Accounts", "Amount", "Capacity", "amount_of", "part_kept"]

HALF_LIFE_S = 86_400.0
"""After a day, what a queue has used counts half."""

_ROUNDING = 1e-6
_FORGOTTEN = 1e-3
"""GPUs: who has used less on average starts anew."""


def part_kept(seconds: float, half_life_s: float = HALF_LIFE_S) -> float:
    """How much of what a queue has used counts after so long; a time that went back counts as none."""
    kept: float = 0.5 ** (max(0.0, seconds) / half_life_s)
    return kept


class Amount(NamedTuple):
    """What a lease takes of each kind of resource."""

    gpu_milli: int = 0
    gpu_bytes: int = 0
    cpu_milli: int = 0

    def plus(self, other: "Amount", times: int = 1) -> "Amount":
        """The sum."""
        return Amount(
            self.gpu_milli + times * other.gpu_milli,
            self.gpu_bytes + times * other.gpu_bytes,
            self.cpu_milli + times * other.cpu_milli,
        )


_NOTHING = Amount()


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the pool has of each."""

    gpus: float
    gpu_bytes: int = 0
    cpu_milli: int = 0

    @classmethod
    def of(cls, index: PoolIndex) -> "Capacity":
        """All nodes that are ready."""
        ready = index.ready
        memory = int(index.total_bytes[ready].clip(0).sum())
        return cls(float(index.gpus[ready].sum()), memory, int(index.cpu_total[ready].sum()))

    def dominant_gpus(self, amount: Amount) -> float:
        """The largest of the parts that an amount takes of each resource, told in GPUs.

        Who takes half of a GPU's memory and no compute uses half a GPU: the other half is of no use to many.
        """
        part = amount.gpu_milli / WHOLE
        if self.gpu_bytes:
            part = max(part, amount.gpu_bytes * self.gpus / self.gpu_bytes)
        if self.cpu_milli:
            part = max(part, amount.cpu_milli * self.gpus / self.cpu_milli)
        return part


def amount_of(demand: Demand, capacity: Capacity) -> Amount:
    """What a demand takes, wherever it is placed. A whole GPU counts with the memory of a mean one."""
    mean_bytes = int(capacity.gpu_bytes / capacity.gpus) if capacity.gpus else 0
    milli, memory = (WHOLE, mean_bytes) if demand.whole else (demand.permille, demand.bytes)
    return Amount(demand.vgpus * milli, demand.vgpus * memory, demand.cpu_milli)


@dataclass(slots=True)
class _Account:
    used: Amount = _NOTHING
    used_gpus: float = 0.0
    average: float = 0.0
    """Of `used_gpus`, with what is older counting less; as of `since`."""
    since: float = 0.0


class Accounts:
    """Per queue, what it and those below it use."""

    def __init__(self, tree: QueueTree, capacity: Capacity, half_life_s: float = HALF_LIFE_S) -> None:
        self.tree = tree
        self.capacity = capacity
        self._half_life_s = half_life_s
        self._accounts = {name: _Account() for name in tree.queues}

    def charge(self, queue: str, amount: Amount, now: float, times: int = 1) -> None:
        """Add what a lease takes to its queue and to those above; `times` -1 takes it off."""
        for name in self.tree.paths.get(queue, (ROOT,)):
            account = self._accounts[name]
            account.average, account.since = self._average(account, now), max(now, account.since)
            account.used = account.used.plus(amount, times)
            account.used_gpus = self.capacity.dominant_gpus(account.used)

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Whatever is charged inside is undone at the end."""
        before = {name: replace(account) for name, account in self._accounts.items()}
        try:
            yield
        finally:
            self._accounts = before

    def take_averages(self, averages: Mapping[str, float], now: float) -> None:
        """Go on with what queues have used until now, though what the pool has, or the tree, is another."""
        for name, account in self._accounts.items():
            account.average, account.since = averages.get(name, 0.0), now

    def averages(self, now: float) -> dict[str, float]:
        """GPUs that queues have used over time, of those where it is worth a word."""
        found = {name: self._average(account, now) for name, account in self._accounts.items()}
        return {name: average for name, average in found.items() if average > _FORGOTTEN}

    def _average(self, account: _Account, now: float) -> float:
        kept = part_kept(now - account.since, self._half_life_s)
        return account.used_gpus + (account.average - account.used_gpus) * kept

    def used(self, queue: str) -> float:
        """GPUs that it uses now."""
        return self._accounts[queue].used_gpus

    def used_with(self, queue: str, amount: Amount, times: int = 1) -> float:
        """GPUs that it would use with (or, `times` -1, without) an amount."""
        return self.capacity.dominant_gpus(self._accounts[queue].used.plus(amount, times))

    def average(self, queue: str, now: float) -> float:
        """GPUs that it has used over time, the last days most."""
        return self._average(self._accounts[queue], now)

    def over_limit(self, queue: str, amount: Amount) -> str | None:
        """The first queue from this one upwards that would be over its limit with the amount, or over its guarantee
        where it must not borrow; None when all is well."""
        for name in self.tree.paths[queue]:
            settings = self.tree.queues[name]
            most = settings.limit if settings.weight else settings.guarantee
            if self.used_with(name, amount) > most + _ROUNDING:
                return name
        return None

    def within_guarantee(self, queues: tuple[str, ...], amount: Amount) -> bool:
        """Whether all these queues stay within what they are guaranteed."""
        return all(self.used_with(name, amount) <= self.tree.queues[name].guarantee + _ROUNDING for name in queues)

    def can_spare(self, queues: tuple[str, ...], amount: Amount) -> bool:
        """Whether all these queues keep what they are guaranteed without the amount."""
        return all(self.used_with(name, amount, -1) >= self.tree.queues[name].guarantee - _ROUNDING for name in queues)
