"""Who shares what: a tree of queues with guarantees, limits and weights."""

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from gpool.errors import InvalidInput
from gpool.model.queue import ROOT

__all__ = ["ROOT", "Queue", "QueueTree"]


@dataclass(frozen=True, slots=True)
class Queue:
    """A department, a team, a user. Sizes are in GPUs; of what is shared, see `accounts.dominant_gpus`."""

    name: str
    parent: str = ROOT
    guarantee: float = 0.0
    """It can have so much whenever it wants; others may borrow it meanwhile, and give it back."""
    limit: float = inf
    """It never gets more."""
    weight: float = 1.0
    """Its part of what nobody is guaranteed or uses, relative to its siblings; at 0 it never borrows."""
    derived: bool = False
    """Made for what is asked for in the queue above it, by a user or by all; it is owed what that one is."""


class QueueTree:
    """Queues by name, with what follows from their places."""

    def __init__(self, queues: Iterable[Queue] = (), *, may_overpromise: bool = False) -> None:
        """Raises `InvalidInput` for a tree that is none, or promises more than it has.

        `may_overpromise`: whether the queues below one may be guaranteed more together than that one.
        """
        self.queues: dict[str, Queue] = {ROOT: Queue(ROOT, parent="")}
        for queue in queues:
            if queue.name in self.queues:
                raise InvalidInput(f"there are two queues '{queue.name}'; each name can be used once")
            if not (0 <= queue.guarantee <= queue.limit and queue.weight >= 0):
                raise InvalidInput(
                    f"queue {queue.name}: its guarantee must be from 0 to its limit, its weight 0 or more"
                )
            self.queues[queue.name] = queue
        self.children: dict[str, list[str]] = {name: [] for name in self.queues}
        for queue in self.queues.values():
            if queue.name != ROOT:
                if queue.parent not in self.children:
                    raise InvalidInput(f"queue {queue.name} is below '{queue.parent}', which is no queue")
                self.children[queue.parent].append(queue.name)
        self.paths = {name: self._path(name) for name in self.queues}
        """From the queue itself up to the root."""
        for name, below in self.children.items():
            promised, has = sum(self.queues[child].guarantee for child in below), self.queues[name].guarantee
            if name != ROOT and promised > has + 1e-9 and not may_overpromise:
                raise InvalidInput(
                    f"the queues below {name} are guaranteed {promised:g} GPUs, but {name} has only {has:g}"
                )

    def _path(self, name: str) -> tuple[str, ...]:
        path = [name]
        while path[-1] != ROOT:
            path.append(self.queues[path[-1]].parent)
            if len(path) > len(self.queues):
                raise InvalidInput(f"queue {name} is below itself")
        return tuple(path)

    def path_below(self, name: str, other: str) -> tuple[str, ...]:
        """The queues from `name` upwards that do not hold `other` as well."""
        above = set(self.paths[other])
        return tuple(queue for queue in self.paths[name] if queue not in above)
