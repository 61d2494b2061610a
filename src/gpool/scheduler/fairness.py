"""Whose turn it is: first who has less than its guarantee, then who has borrowed least for its weight."""

from math import inf

from gpool.scheduler.accounts import Accounts

__all__ = ["turn_of_queue"]


def turn_of_queue(accounts: Accounts, name: str, now: float) -> tuple[int, float]:
    """Least first.

    Below its guarantee, a queue is served by how little of the guarantee it has; what it had before does not count,
    for a guarantee is owed at any time. Above it, by what it borrows now and has borrowed lately, divided by its
    weight.
    """
    queue = accounts.tree.queues[name]
    used = accounts.used(name)
    if used < queue.guarantee:
        return 0, used / queue.guarantee
    if not queue.weight:
        return 1, inf
    lately = max(0.0, accounts.average(name, now) - queue.guarantee)
    return 1, (used - queue.guarantee + lately) / queue.weight
