"""Same node: the vGPUs of one lease come from as few nodes as can be.

Each node costs a connection, and vGPUs of one node can exchange data without the network.
"""

from collections.abc import Callable, Sequence

from gpool.scheduler.pool import Slot

__all__ = ["MAX_VGPUS_PER_NODE", "choose_together"]

Rank = tuple[int, int]

MAX_VGPUS_PER_NODE = 64
"""A ticket names at most so many."""


def choose_together(candidates: Sequence[Slot], count: int, key: Callable[[Slot], Rank]) -> list[Slot]:
    """`count` of the candidates, all different, or fewer when there are not enough; `key` orders them, least first.

    If one node has enough, the node whose best choice is best; otherwise the nodes with the most candidates first.
    Ties go by node name, then by the order of the candidates, so that the same input gives the same answer.
    """
    by_node: dict[str, list[tuple[Rank, int]]] = {}
    for position, slot in enumerate(candidates):
        by_node.setdefault(slot.node, []).append((key(slot), position))
    for ranked in by_node.values():
        ranked.sort()
        del ranked[MAX_VGPUS_PER_NODE:]
    alone = [name for name, ranked in by_node.items() if len(ranked) >= count]
    if alone:
        best = min(alone, key=lambda name: ([rank for rank, _ in by_node[name][:count]], len(by_node[name]), name))
        return [candidates[position] for _, position in by_node[best][:count]]
    chosen: list[Slot] = []
    for name in sorted(by_node, key=lambda name: (-len(by_node[name]), name)):
        chosen += [candidates[position] for _, position in by_node[name][: count - len(chosen)]]
    return chosen
