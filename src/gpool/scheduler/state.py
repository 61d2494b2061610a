"""What the scheduler knows between cycles: the index of the pool, who holds what, who waits, and what is typical."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from gpool.scheduler.accounts import HALF_LIFE_S, Accounts, Amount, Capacity, amount_of
from gpool.scheduler.asks import Ask, Held
from gpool.scheduler.index import PoolIndex, Spot
from gpool.scheduler.placer import Placer
from gpool.scheduler.policy import NodeRule, Policy, make_policy
from gpool.scheduler.queues import QueueTree
from gpool.scheduler.typical import Sightings, TypicalWorkload
from gpool.scheduler.waiting import Waiting

__all__ = ["FOR_NOBODY", "SchedulerState"]

FOR_NOBODY = ""
"""In `leaving`: it goes for no other ask, and cannot be let off for one."""


class SchedulerState:
    """Changed by differences only; a cycle leaves it as it found it."""

    def __init__(
        self, index: PoolIndex, tree: QueueTree | None = None, policy: str = "gpool", half_life_s: float = HALF_LIFE_S
    ) -> None:
        self.index = index
        self.tree = tree or QueueTree()
        self.waiting = Waiting()
        self.held: dict[str, Held] = {}
        self._held_in: dict[str, dict[str, Held]] = {}
        self.nominated: dict[str, tuple[Spot, ...]] = {}
        """Asks for which others were told to go, and the GPUs that they get when these are gone."""
        self.ending: set[str] = set()
        """Asks that hold something and are about to give it back, whatever happens."""
        self.leaving: dict[str, str] = {}
        """Asks that hold something and were told to go, and for whom; they may be among the ending."""
        self.movable: set[str] = set()
        """Asks that hold something and have not begun to use it: another place is as good."""
        self._moved: dict[str, Held] = {}
        """In a trial: who was moved, as he was."""
        self.absent: set[str] = set()
        """Nodes that are not ready, and are expected back."""
        self.sightings = Sightings()
        self._policy = policy
        self._half_life_s = half_life_s
        self._typical = TypicalWorkload()
        self._own: NodeRule | None = None
        self.placer = Placer(index, self._rules())
        self._structure = -1
        self._charged: dict[str, Amount] = {}
        self._ready_rows = b""
        self.accounts = Accounts(self.tree, Capacity.of(index), half_life_s)

    def arrive(self, ask: Ask) -> None:
        """Somebody wants something."""
        self.sightings.see(ask.demand)
        self.waiting.add(ask)

    def withdraw(self, ask_id: str) -> None:
        """A waiting ask is no more."""
        self.waiting.remove(ask_id)
        self.nominated.pop(ask_id, None)

    def start(
        self, ask: Ask, spots: Iterable[Spot], now: float, home: int | None = None, since: float | None = None
    ) -> None:
        """An ask has got what it wants, now or at `since`; it may or may not have waited here.

        `home`: where its processors are.
        """
        if ask.id in self.waiting.asks:
            self.withdraw(ask.id)
        held = Held(ask, tuple(spots), now if since is None else since)
        self.held[ask.id] = held
        self._held_in.setdefault(ask.queue, {})[ask.id] = held
        for spot in held.spots:
            self.index.take(ask.id, ask.demand, spot)
        if home is not None:
            self.index.take_host(ask.demand, home)
        amount = self._charged[ask.id] = amount_of(ask.demand, self.accounts.capacity)
        self.accounts.charge(ask.queue, amount, now)

    def stop(self, ask_id: str, now: float, home: int | None = None) -> Held:
        """Who held something has gone."""
        held = self.held.pop(ask_id)
        self.ending.discard(ask_id)
        self.leaving.pop(ask_id, None)
        self.movable.discard(ask_id)
        del self._held_in[held.ask.queue][ask_id]
        for spot in held.spots:
            self.index.give_back(ask_id, held.ask.demand, spot)
        if home is not None:
            self.index.take_host(held.ask.demand, home, -1)
        self.accounts.charge(held.ask.queue, self._charged.pop(ask_id), now, -1)
        return held

    def move(self, held: Held, spots: tuple[Spot, ...]) -> None:
        """In a trial, whose index shows it already: it is elsewhere, and stays there. `take_back_moves` ends it."""
        self._moved[held.ask.id] = held
        self.movable.discard(held.ask.id)
        self._show(replace(held, spots=spots))

    def take_back_moves(self) -> None:
        """At the end of a trial: everybody is where he was."""
        for held in self._moved.values():
            self.movable.add(held.ask.id)
            self._show(held)
        self._moved.clear()

    def _show(self, held: Held) -> None:
        self.held[held.ask.id] = self._held_in[held.ask.queue][held.ask.id] = held

    def away(self, spots: Iterable[Spot]) -> bool:
        """Whether one of these GPUs is on a node that is expected back."""
        return any(self.index.names[spot.row] in self.absent for spot in spots)

    def held_in(self, queue: str) -> Iterable[Held]:
        """Who holds something in a queue."""
        return self._held_in.get(queue, {}).values()

    def queues_that_hold(self) -> list[str]:
        """Queues in which somebody holds something, by name."""
        return sorted(queue for queue, held in self._held_in.items() if held)

    def amount(self, ask: Ask) -> Amount:
        """What an ask takes, or has been charged with."""
        return self._charged.get(ask.id) or amount_of(ask.demand, self.accounts.capacity)

    def share_by(self, tree: QueueTree, now: float, averages: Mapping[str, float] | None = None) -> None:
        """From now on, this is the tree. `averages`: what its queues have used, where that is known better.

        Asks whose queue is not in it count as the whole pool's until they are moved (`refile`).
        """
        averages = self.accounts.averages(now) if averages is None else averages
        self.tree = tree
        self._open_accounts(averages, now)

    def refile(self, ask: Ask, now: float) -> None:
        """What is known of an ask that waits or holds something is another: its queue, its priority."""
        if ask.id in self.waiting.asks:
            self.waiting.remove(ask.id)
            self.waiting.add(ask)
            return
        before = self.held[ask.id]
        amount = self._charged[ask.id]
        del self._held_in[before.ask.queue][ask.id]
        self.accounts.charge(before.ask.queue, amount, now, -1)
        self.held[ask.id] = self._held_in.setdefault(ask.queue, {})[ask.id] = replace(before, ask=ask)
        self.accounts.charge(ask.queue, amount, now)

    def _open_accounts(self, averages: Mapping[str, float], now: float) -> None:
        self.accounts = Accounts(self.tree, Capacity.of(self.index), self._half_life_s)
        self.accounts.take_averages(averages, now)
        for ask_id, held in self.held.items():
            amount = self._charged[ask_id] = amount_of(held.ask.demand, self.accounts.capacity)
            self.accounts.charge(held.ask.queue, amount, now)

    def amount_at(self, ask: Ask, spots: tuple[Spot, ...]) -> Amount:
        """What an ask takes on these GPUs; on none, at least."""
        vgpus = sum(len(spot.columns) for spot in spots)
        return self.amount(ask.of_size(vgpus)) if vgpus else self.least_amount(ask)

    def least_amount(self, ask: Ask) -> Amount:
        """What an ask takes at least."""
        return self.amount(ask.of_size(ask.demand.least) if ask.demand.enough else ask)

    def settle(self, now: float) -> None:
        """Before a cycle: take up a pool that has become another, and what has become typical."""
        index = self.index
        ready = index.ready.tobytes()
        if self._structure != index.structure or self._ready_rows != ready:
            self._structure, self._ready_rows = index.structure, ready
            # Amounts are of the pool as it was; the accounts are opened anew with what is held now.
            self._open_accounts(self.accounts.averages(now), now)
        typical = self.sightings.typical()
        if typical is not self._typical:
            self._typical = typical
            self.placer = Placer(index, self._rules())

    def also_rate_by(self, own: NodeRule | None) -> None:
        """From now on, nodes get the points of this rule as well."""
        self._own = own
        self.placer = Placer(self.index, self._rules())

    def _rules(self) -> Policy:
        return make_policy(self._policy, self._typical, own=self._own)
