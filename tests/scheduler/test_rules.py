"""The rules of placement, one by one, where the scenarios do not reach."""

from functools import partial

from gpool.scheduler.pool import Slot
from gpool.scheduler.rules.best_fit import leftover
from gpool.scheduler.rules.fits import fits_now
from gpool.scheduler.rules.same_node import MAX_VGPUS_PER_NODE, choose_together
from stage.values import GIB, make_gpus, make_request


def slots(node: str, *sizes_gib: int) -> list[Slot]:
    return [Slot(node, gpu, gpu.memory_bytes) for gpu in make_gpus(node, *sizes_gib)]


def test_a_claim_leaves_what_it_does_not_need() -> None:
    (slot,) = slots("a", 24)
    slot.claim(make_request(gib=20))
    assert fits_now(slot, make_request(gib=4))
    assert not fits_now(slot, make_request(gib=5))
    assert not fits_now(slot, make_request())


def test_best_fit_looks_at_compute_when_memory_is_equal() -> None:
    fuller, emptier = slots("a", 8, 8)
    fuller.take("l-2", make_request(gib=1, compute=600))
    emptier.take("l-3", make_request(gib=1, compute=100))
    rank = partial(leftover, request=make_request(gib=1, compute=300))
    assert choose_together([emptier, fuller], 1, rank) == [fuller]


def test_a_ticket_can_name_only_so_many_vgpus_of_one_node() -> None:
    many = slots("a", *[8] * (MAX_VGPUS_PER_NODE + 6))
    rank = partial(leftover, request=make_request())
    assert len(choose_together(many, MAX_VGPUS_PER_NODE + 6, rank)) == MAX_VGPUS_PER_NODE
    spread = choose_together([*many, *slots("b", *[8] * 6)], MAX_VGPUS_PER_NODE + 6, rank)
    assert [slot.node for slot in spread] == ["a"] * MAX_VGPUS_PER_NODE + ["b"] * 6


def test_several_nodes_are_taken_from_the_largest_on() -> None:
    rank = partial(leftover, request=make_request(gib=1))
    chosen = choose_together([*slots("a", 8), *slots("b", 8, 8), *slots("c", 8)], 3, rank)
    assert [slot.node for slot in chosen] == ["b", "b", "a"]
    assert all(slot.gpu.memory_bytes == 8 * GIB for slot in chosen)
