"""A lease that is not in use yet goes elsewhere when another needs its place; one in use stays, after a crash too."""

from pathlib import Path

from gpool.controller.views import renew_answer
from gpool.model.lease import Lease, LeaseState
from stage.pool import PoolStage, ScriptedNode, open_pool
from stage.values import FakeClock, gpu_uuid, make_request


async def two_pieces(stage: PoolStage) -> tuple[ScriptedNode, list[Lease]]:
    """Two GPUs of one node, a movable piece on each."""
    node = await ScriptedNode.join(stage.pool, "a", 8, 8)
    filler = await stage.pool.ask("ann", make_request(gib=4))
    pieces = [await stage.pool.ask("ann", make_request(gib=3, movable=True)) for _ in range(2)]
    await stage.pool.release(filler.id, "ann")
    await node.obey()
    await stage.pool.run_cycle()
    there = [(await stage.pool.lease(piece.id)).vgpus[0].gpu_uuid for piece in pieces]
    assert set(there) == {gpu_uuid("a", 0), gpu_uuid("a", 1)}
    return node, pieces


async def test_tickets_are_for_the_new_place_only(stage: PoolStage) -> None:
    _, pieces = await two_pieces(stage)
    for piece in pieces:
        assert renew_answer(stage.pool, await stage.pool.renew(piece.id)).sessions == (), "it may be moved still"
    whole = await stage.pool.ask("bob", make_request())
    assert whole.state is LeaseState.ACTIVE
    used = [await stage.pool.renew(piece.id, use=True) for piece in pieces]
    assert len({lease.vgpus[0].gpu_uuid for lease in used} | {whole.vgpus[0].gpu_uuid}) == 2
    assert all(len(renew_answer(stage.pool, lease).sessions) == 1 for lease in used)
    events = [event.type for piece in pieces for event in await stage.pool.events_of("lease", piece.id)]
    assert events.count("moved") == 1


async def test_what_is_in_use_stays_after_a_crash_as_well(tmp_path: Path) -> None:
    clock = FakeClock()
    async with open_pool(tmp_path / "gpool.db", clock) as before:
        _, pieces = await two_pieces(before)
        used = [await before.pool.renew(piece.id, use=True) for piece in pieces]
    async with open_pool(tmp_path / "gpool.db", clock) as stage:
        await ScriptedNode.join(stage.pool, "a", 8, 8)
        whole = await stage.pool.ask("bob", make_request())
        assert whole.state is LeaseState.PENDING
        for lease in used:
            now = await stage.pool.lease(lease.id)
            assert (now.vgpus, now.in_use_at) == (lease.vgpus, lease.in_use_at)


async def test_who_is_in_use_is_not_moved_and_the_other_is(stage: PoolStage) -> None:
    _, (first, second) = await two_pieces(stage)
    used = await stage.pool.renew(first.id, use=True)
    whole = await stage.pool.ask("bob", make_request())
    assert whole.state is LeaseState.ACTIVE
    assert (await stage.pool.lease(first.id)).vgpus == used.vgpus
    assert (await stage.pool.lease(second.id)).vgpus[0].gpu_uuid == used.vgpus[0].gpu_uuid
