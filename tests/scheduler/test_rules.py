"""The rules of placement, one by one, where the scenarios do not reach."""

import numpy as np

from gpool.scheduler.demand import Demand, demand_of
from gpool.scheduler.index import GpuSlot, PoolIndex, Spot
from gpool.scheduler.placer import Placer
from gpool.scheduler.policy import make_policy
from gpool.scheduler.rules.gather import MAX_VGPUS_PER_NODE
from gpool.scheduler.rules.share_waste import expected_waste
from gpool.scheduler.typical import TypicalWorkload
from stage.values import GIB, make_request


def pool(**nodes: list[int]) -> PoolIndex:
    """An index of nodes with GPUs of these sizes in GiB."""
    index = PoolIndex()
    index.put_nodes(
        (name, [GpuSlot(f"{name}{number}", size * GIB) for number, size in enumerate(sizes)], True)
        for name, sizes in nodes.items()
    )
    return index


def placer(index: PoolIndex, *typical: tuple[Demand, int]) -> Placer:
    return Placer(index, make_policy("gpool", TypicalWorkload(typical)))


def test_a_claim_leaves_what_it_does_not_need() -> None:
    index = pool(a=[24])
    index.claim(demand_of(make_request(gib=20)), [Spot(0, (0,))])
    assert placer(index).find(demand_of(make_request(gib=4)))
    assert not placer(index).find(demand_of(make_request(gib=5)))
    assert not placer(index).find(demand_of(make_request()))


def test_best_fit_looks_at_compute_when_memory_is_equal() -> None:
    index = pool(a=[8, 8], b=[8])
    index.take("l-3", demand_of(make_request(gib=1, compute=100)), Spot(0, (0,)))
    index.take("l-2", demand_of(make_request(gib=1, compute=600)), Spot(0, (1,)))
    index.take("l-4", demand_of(make_request(gib=1, compute=500)), Spot(1, (0,)))
    assert placer(index).find(demand_of(make_request(gib=1, compute=300))) == Spot(0, (1,))


def test_a_ticket_can_name_only_so_many_vgpus_of_one_node() -> None:
    demand = demand_of(make_request(vgpus=MAX_VGPUS_PER_NODE + 6))
    many = [8] * (MAX_VGPUS_PER_NODE + 6)
    assert not placer(pool(a=many)).find(demand)
    assert not placer(pool(a=many)).find_spread(demand)
    spread = placer(pool(a=many, b=[8] * 6)).find_spread(demand)
    assert [(spot.row, len(spot.columns)) for spot in spread] == [(0, MAX_VGPUS_PER_NODE), (1, 6)]


def test_several_nodes_are_taken_from_the_largest_on_and_the_last_is_the_one_that_just_fits() -> None:
    spread = placer(pool(a=[8, 8, 8], b=[8] * 4, c=[8])).find_spread(demand_of(make_request(vgpus=5, gib=1)))
    assert spread == [Spot(1, (0, 1, 2, 3)), Spot(2, (0,))]


def test_a_piece_that_is_surely_filled_wastes_nothing_and_one_that_nothing_fits_is_lost() -> None:
    waste = expected_waste({500: 3, 300: 1})
    assert waste[299] == 299
    assert waste[300] < 1
    assert waste[500] < 100 < waste[450]
    assert np.all(waste >= 0)


def test_a_share_goes_where_what_remains_will_be_used() -> None:
    """Of 900, 450 leaves what another 450 fills; 500 leaves 400, which nothing fills, and opens an idle GPU instead."""
    larger, smaller = Demand(permille=500), Demand(permille=450)
    index = pool(a=[8], b=[8])
    index.take("l-2", Demand(permille=100), Spot(0, (0,)))
    assert placer(index, (larger, 100), (smaller, 100)).find(larger) == Spot(1, (0,))
    assert placer(index, (larger, 100), (smaller, 100)).find(smaller) == Spot(0, (0,))
    assert placer(index).find(larger) == Spot(0, (0,)), "the fullest, while nothing is known of what comes"


def test_a_whole_gpu_is_not_taken_from_a_node_that_others_need_more() -> None:
    """Requests for four GPUs are typical: the single one goes where there are not four together anyway."""
    four, one = Demand(vgpus=4, whole=True), Demand(whole=True)
    assert placer(pool(a=[8] * 4, b=[8] * 3), (four, 100), (one, 100)).find(one) == Spot(1, (0,))


def test_a_gpu_is_useless_without_processors() -> None:
    index = PoolIndex()
    gpus = [GpuSlot("", GIB)] * 4
    index.put_nodes([("a", gpus, True), ("b", gpus, True)], hosts={"a": (16_000, 1000), "b": (32_000, 1000)})
    hungry = Demand(whole=True, cpu_milli=8_000)
    assert placer(index, (Demand(whole=True, cpu_milli=4_000), 100)).find(hungry) == Spot(1, (0,))


def test_models_that_some_insist_on_are_spared() -> None:
    index = PoolIndex()
    index.put_nodes([("a", [GpuSlot("", GIB, "rare")], True), ("b", [GpuSlot("", GIB, "plenty")] * 8, True)])
    picky, any_gpu = Demand(whole=True, models=frozenset({"rare"})), Demand(whole=True)
    typical = ((any_gpu, 70), (picky, 30))
    assert placer(index, *typical).find(any_gpu) == Spot(1, (0,))
    assert placer(index, *typical).find(picky) == Spot(0, (0,))
    # Without them the smaller node would do: it leaves the eight together.
    assert placer(index, (any_gpu, 70), (Demand(vgpus=8, whole=True), 30)).find(any_gpu) == Spot(0, (0,))
