"""Who waits, in order: per queue, and per demand within it, because equal demands have equal chances."""

from bisect import bisect_left, insort
from collections.abc import Iterator

from gpool.scheduler.accounts import Accounts
from gpool.scheduler.asks import Ask
from gpool.scheduler.demand import Demand
from gpool.scheduler.fairness import turn_of_queue
from gpool.scheduler.queues import ROOT, QueueTree

__all__ = ["Line", "Waiting"]


class Waiting:
    """All asks that wait."""

    def __init__(self) -> None:
        self.asks: dict[str, Ask] = {}
        self.by_queue: dict[str, dict[Demand, list[Ask]]] = {}
        """Queue → demand → asks in the order of their turns. Nothing empty is kept."""

    def add(self, ask: Ask) -> None:
        """Let it wait."""
        self.asks[ask.id] = ask
        insort(self.by_queue.setdefault(ask.queue, {}).setdefault(ask.demand, []), ask, key=_turn)

    def remove(self, ask_id: str) -> Ask:
        """It waits no more."""
        ask = self.asks.pop(ask_id)
        demands = self.by_queue[ask.queue]
        alike = demands[ask.demand]
        del alike[bisect_left(alike, ask.turn, key=_turn)]
        if not alike:
            del demands[ask.demand]
        if not demands:
            del self.by_queue[ask.queue]
        return ask

    def __len__(self) -> int:
        return len(self.asks)


class Line:
    """One cycle's way through those who wait: always the next of the queue whose turn it is."""

    def __init__(self, waiting: Waiting, accounts: Accounts, now: float) -> None:
        self._waiting = waiting
        self._accounts = accounts
        self._now = now
        self._tree: QueueTree = accounts.tree
        self._at: dict[tuple[str, Demand], int] = {}
        self._open: dict[str, set[Demand]] = {queue: set(demands) for queue, demands in waiting.by_queue.items()}
        self._turns: dict[str, tuple[int, float]] = {}
        self._below: dict[str, int] = dict.fromkeys(self._tree.queues, 0)
        for queue in self._open:
            for name in self._tree.paths[queue]:
                self._below[name] += 1

    def next(self) -> Ask | None:
        """Whose turn it is. The same again, until it is `served` or its demand `closed`."""
        if not self._below[ROOT]:
            return None
        name = ROOT
        while children := [child for child in self._tree.children[name] if self._below[child]]:
            if name in self._open:
                break  # asks in a queue that has queues below it come before these
            name = min(children, key=lambda child: (self._turn_of(child), child))
        return min((self._first(name, demand) for demand in self._open[name]), key=_turn)

    def served(self, ask: Ask) -> None:
        """It got what it wants: the next one like it."""
        for name in self._tree.paths[ask.queue]:
            self._turns.pop(name, None)
        key = ask.queue, ask.demand
        self._at[key] = self._at.get(key, 0) + 1
        if self._at[key] == len(self._waiting.by_queue[ask.queue][ask.demand]):
            self.close(ask)

    def close(self, ask: Ask) -> None:
        """Neither this one nor any like it, in its queue, is looked at again in this cycle."""
        demands = self._open[ask.queue]
        demands.discard(ask.demand)
        if not demands:
            del self._open[ask.queue]
            for name in self._tree.paths[ask.queue]:
                self._below[name] -= 1

    def behind(self, ask: Ask) -> Iterator[Ask]:
        """Those in its queue that want the same and come after it."""
        alike = self._waiting.by_queue[ask.queue][ask.demand]
        return iter(alike[self._at.get((ask.queue, ask.demand), 0) + 1 :])

    def _turn_of(self, name: str) -> tuple[int, float]:
        turn = self._turns.get(name)
        if turn is None:
            turn = self._turns[name] = turn_of_queue(self._accounts, name, self._now)
        return turn

    def _first(self, queue: str, demand: Demand) -> Ask:
        return self._waiting.by_queue[queue][demand][self._at.get((queue, demand), 0)]


def _turn(ask: Ask) -> tuple[int, float, float, str]:
    return ask.turn
