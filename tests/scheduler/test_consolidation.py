"""Leases that are not in use yet make room by going elsewhere: only if that helps, and never more than so many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpool.lifecycle.lease import Moved, Renewed, UseBegan, apply_to_lease
from gpool.lifecycle.transitions import ImpossibleTransition
from gpool.model.lease import Lease
from gpool.model.policy import Policy, PoolSettings
from gpool.scheduler.asks import Ask
from gpool.scheduler.cycle import decide, schedule
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import GpuSlot, PoolIndex, Spot
from gpool.scheduler.snapshot import Plan, Snapshot
from gpool.scheduler.state import SchedulerState
from stage.values import GIB, active, after, gpu_uuid, make_node, make_request, pending


def part(lease_id: str, where: str, gpu: int, gib: int, *, movable: bool = True, **more: object) -> Lease:
    request = make_request(gib=gib, movable=movable, **more)  # type: ignore[arg-type]
    return active(lease_id, (where, gpu), request=request)


def plan(leases: list[Lease], *, most_moves: int = 4, nodes: dict[str, tuple[int, ...]] | None = None) -> Plan:
    there = tuple(make_node(name, *sizes) for name, sizes in (nodes or {"a": (8,), "b": (8,)}).items())
    policy = Policy(settings=PoolSettings(most_moves=most_moves))
    return schedule(Snapshot(there, tuple(leases), policy), after(60))


def test_a_piece_goes_to_the_other_node_and_a_whole_gpu_is_free() -> None:
    found = plan([part("l-2", "a", 0, 3), part("l-3", "b", 0, 4, movable=False), pending("l-9", at_s=50)])
    assert [(move.lease_id, move.vgpus[0].gpu_uuid) for move in found.moves] == [("l-2", gpu_uuid("b", 0))]
    assert [(place.lease_id, place.vgpus[0].gpu_uuid) for place in found.placements] == [("l-9", gpu_uuid("a", 0))]


@pytest.mark.parametrize(
    ("leases", "why"),
    [
        ([part("l-2", "a", 0, 3, movable=False), part("l-3", "b", 0, 4, movable=False)], "all are in use"),
        ([part("l-2", "a", 0, 5), part("l-3", "b", 0, 4)], "there is no other place for either"),
        ([part("l-2", "a", 0, 3, node="a"), part("l-3", "b", 0, 4, node="b")], "they want to be where they are"),
        ([part("l-2", "a", 0, 3, transport="shm"), part("l-3", "b", 0, 4, movable=False)], "only there over shm"),
    ],
)
def test_nobody_is_moved_for_nothing(leases: list[Lease], why: str) -> None:
    found = plan([*leases, pending("l-9", at_s=50)])
    assert (found.moves, found.placements) == ((), ()), why


def test_never_more_than_so_many_are_moved() -> None:
    many = [part(f"l-{number}", "a", 0, 1) for number in range(2, 5)]
    stays = part("l-7", "b", 0, 5, movable=False)
    assert len(plan([*many, stays, pending("l-9", at_s=50)], most_moves=3).moves) == 3
    assert plan([*many, stays, pending("l-9", at_s=50)], most_moves=2).placements == ()
    assert plan([*many, stays, pending("l-9", at_s=50)], most_moves=0).placements == ()


def test_who_need_not_move_stays() -> None:
    leases = [part("l-2", "a", 0, 3), part("l-3", "a", 0, 1), part("l-4", "b", 0, 4, movable=False)]
    found = plan([*leases, pending("l-9", make_request(gib=6), 50)])
    assert [move.lease_id for move in found.moves] == ["l-2"], "the small one leaves room enough"


def test_a_gang_on_one_node() -> None:
    leases = [part("l-2", "a", 0, 3), part("l-3", "b", 0, 3, movable=False), part("l-4", "b", 1, 3)]
    gang = pending("l-9", make_request(vgpus=2, placement={"scope": "node"}), 50)
    found = plan([*leases, gang], nodes={"a": (8, 8), "b": (8, 8)})
    assert [move.lease_id for move in found.moves] == ["l-2"]
    assert {vgpu.node for vgpu in found.placements[0].vgpus} == {"a"}


def test_what_is_in_use_stays_and_a_move_renews_nothing() -> None:
    lease = part("l-2", "a", 0, 3)
    there = part("l-3", "b", 0, 3).vgpus
    moved, commands = apply_to_lease(lease, Moved(there), after(5))
    assert (moved.vgpus, moved.expires_at) == (there, lease.expires_at)
    assert len(commands) == 2, "both nodes are told"
    used, _ = apply_to_lease(moved, UseBegan(), after(6))
    renewed, _ = apply_to_lease(used, Renewed(), after(7))
    assert apply_to_lease(renewed, UseBegan(), after(8))[0].in_use_at == after(6)
    with pytest.raises(ImpossibleTransition, match="in use"):
        apply_to_lease(renewed, Moved(lease.vgpus), after(9))


@settings(max_examples=60, deadline=None)
@given(
    held=st.lists(st.tuples(st.integers(0, 5), st.integers(1, 8), st.booleans()), max_size=10),
    wanted=st.lists(st.one_of(st.none(), st.integers(1, 8)), min_size=1, max_size=3),
    gpus=st.integers(1, 3),
    most=st.integers(0, 4),
)
def test_whatever_there_is_nothing_is_over_committed_and_all_is_put_back(
    held: list[tuple[int, int, bool]], wanted: list[int | None], gpus: int, most: int
) -> None:
    index = PoolIndex()
    index.put_nodes((f"n{node}", [GpuSlot(f"{node}-{gpu}", 8 * GIB) for gpu in range(2)], True) for node in range(3))
    state = SchedulerState(index)
    sizes = [0] * 6
    for number, (gpu, gib, movable) in enumerate(held):
        if sizes[gpu] + gib <= 8:
            sizes[gpu] += gib
            state.start(Ask(f"h-{number}", Demand(1, bytes=gib * GIB)), [Spot(gpu // 2, (gpu % 2,))], 0)
            if movable:
                state.movable.add(f"h-{number}")
    for number, want in enumerate(wanted):
        demand = Demand(gpus, whole=True) if want is None else Demand(gpus, bytes=want * GIB)
        state.arrive(Ask(f"w-{number}", demand, number))
    state.settle(0)
    arrays = {name: array.copy() for name, array in vars(index).items() if isinstance(array, np.ndarray)}
    before = dict(state.held), set(state.movable)
    decision = decide(state, 0, most_moves=most)
    assert (dict(state.held), set(state.movable)) == before
    for name, array in arrays.items():
        assert name == "version" or np.array_equal(array, getattr(index, name)), f"the cycle has changed {name}"
    moved = {ask.id for ask, _ in decision.moves}
    assert len(moved) == len(decision.moves) <= most * len(decision.placements)
    assert moved <= before[1]
    plain = decide(state, 0)
    assert len(decision.placements) >= len(plain.placements)
    assert bool(decision.moves) <= bool(decision.placements)
    # Carried out, everything fits.
    for ask, _ in decision.moves:
        state.stop(ask.id, 0)
    for ask, spots in (*decision.moves, *decision.placements):
        state.start(ask, spots, 0)
    assert (index.free_bytes[index.total_bytes > 0] >= 0).all()
    whole = {ask.id for ask, _ in decision.placements if ask.demand.whole}
    for row, column in np.argwhere(index.total_bytes > 0):
        holders = index.holders(int(row), int(column))
        assert len(holders) == 1 or not whole & set(holders)
