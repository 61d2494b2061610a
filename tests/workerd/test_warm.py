"""Workers that are ready before a program comes."""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Callable

import pytest

from workerd.conftest import MIB, Agent, Node
from workerd.speaker import PATIENCE_S, RefusedError, uuid_text
from workerd.test_waits import PTX, launch, load


def listen(node: Node) -> Agent:
    """An agent that hears of warm workers."""
    agent = node.agent()
    agent.send("warm")
    return agent


def ready(agent: Agent, node: Node, gpu: int = 0) -> int:
    """Waits until a worker is ready on a GPU; its process id."""
    return int(agent.expect("warm", state="ready", gpu=uuid_text(node.uuids[gpu]))["pid"])


def ready_everywhere(agent: Agent, node: Node) -> list[int]:
    """Waits until a worker is ready on each GPU, in whatever order; their process ids by GPU."""
    pids: dict[str, int] = {}
    while len(pids) < len(node.uuids):
        values = agent.expect("warm", state="ready")
        pids[values["gpu"]] = int(values["pid"])
    return [pids[uuid_text(uuid)] for uuid in node.uuids]


def starts(node: Node, pid: int) -> list[str]:
    """What the driver has started in a process, as its log tells."""
    return [line.partition(f"process {pid} ")[2] for line in node.log().splitlines() if f"process {pid} " in line]


@pytest.fixture
def logged(start: Callable[..., Node]) -> Node:
    return start(environment={"GPOOL_LOG": "debug"})


def test_a_session_finds_its_context_made(logged: Node) -> None:
    agent = listen(logged)
    pid = ready(agent, logged, gpu=1)
    assert starts(logged, pid) == ["has initialised the driver", "makes the primary context of GPU 1"]
    with logged.open(logged.ticket(gpus=(1,), memory=32 * MIB)) as session:
        opened = agent.expect("session", state="open")
        assert int(opened["pid"]) == pid
        assert int(opened["id"]) == session.session_id
        assert [device.uuid for device in session.devices] == [logged.uuids[1]]
        # The limits are the lease's, though the worker is older than the lease.
        assert session.devices[0].memory_bytes == 32 * MIB
        session.begin()
        assert session.map(0, 2 * MIB) == 0
        assert session.map(2 * MIB, 32 * MIB) == 2
        assert load(session, PTX).status == 0
        launch(session, 0, 7, rounds=0)
        assert session.read(0, 4).bulk == b"\7\0\0\0"
        assert len(starts(logged, pid)) == 2  # nothing more of that kind was left to do
        # Another one is made in the background.
        assert ready(agent, logged, gpu=1) != pid
        session.goodbye()
    assert agent.expect("session", state="closed")["reason"] == "client-closed"
    assert not list(logged.state.glob("ledger-*"))


def test_sessions_that_no_warm_worker_fits_start_one_of_their_own(logged: Node) -> None:
    agent = listen(logged)
    warm = ready_everywhere(agent, logged)
    with logged.open(logged.ticket(gpus=(0, 1))) as session:
        opened = agent.expect("session", state="open")
        assert int(opened["pid"]) not in warm
        assert [device.uuid for device in session.devices] == logged.uuids
        session.goodbye()
    agent.expect("session", state="closed")


def test_a_warm_worker_counts_for_nobody(node: Node) -> None:
    agent = listen(node)
    ready_everywhere(agent, node)
    assert agent.status() == []
    assert not list(node.state.glob("ledger-*"))


def test_a_killed_one_is_replaced(node: Node) -> None:
    agent = listen(node)
    first = ready(agent, node)
    os.kill(first, signal.SIGKILL)
    assert int(agent.expect("warm", state="ended")["pid"]) == first
    second = ready(agent, node)
    assert second != first
    with node.open(node.ticket()) as session:
        assert int(agent.expect("session", state="open")["pid"]) == second
        session.goodbye()


def test_one_that_dies_as_it_is_handed_a_session_costs_nobody_the_session(node: Node) -> None:
    agent = listen(node)
    pid = ready(agent, node)
    os.kill(pid, signal.SIGSTOP)  # takes nothing any more
    session = node.greet(node.ticket())
    agent.expect("warm", state="taken", pid=str(pid))
    os.kill(pid, signal.SIGKILL)
    with session.welcomed() as opened:
        assert int(agent.expect("session", state="open")["pid"]) != pid
        opened.begin()
        assert opened.map(0, 64 * MIB) == 0
        assert opened.map(64 * MIB, 2 * MIB) == 2
        opened.goodbye()
    assert agent.expect("session", state="closed")["reason"] == "client-closed"
    assert not list(node.state.glob("ledger-*"))


def test_a_lease_can_be_revoked_before_its_warm_worker_has_taken_it(node: Node) -> None:
    agent = listen(node)
    pid = ready(agent, node)
    os.kill(pid, signal.SIGSTOP)
    session = node.greet(node.ticket())
    agent.expect("warm", state="taken", pid=str(pid))
    agent.send("revoke l-test")
    agent.status()  # revocations are in force when this is answered
    os.kill(pid, signal.SIGCONT)
    assert agent.expect("session", state="closed")["reason"] == "revoked"
    session.close()


@pytest.mark.parametrize("how", ["quit", "SIGKILL"])
def test_they_end_with_workerd(node: Node, how: str) -> None:
    agent = listen(node)
    pids = ready_everywhere(agent, node)
    ends = [os.pidfd_open(pid) for pid in pids]
    assert node.process is not None
    if how == "quit":
        agent.send("quit")
    else:
        node.process.kill()
    for end in ends:
        assert select.select([end], [], [], PATIENCE_S)[0]
        os.close(end)
    node.wait_for_end()


def test_gpus_that_are_no_longer_offered_are_left(node: Node) -> None:
    agent = listen(node)
    pids = ready_everywhere(agent, node)
    end = os.pidfd_open(pids[0])
    agent.send(f"gpus {uuid_text(node.uuids[1])}")
    assert select.select([end], [], [], PATIENCE_S)[0]
    os.close(end)
    with node.open(node.ticket(gpus=(1,))) as session:
        assert int(agent.expect("session", state="open")["pid"]) == pids[1]
        session.goodbye()


def test_none_are_kept_when_none_are_wanted(start: Callable[..., Node]) -> None:
    node = start(more=("--warm-workers", "0"), environment={"GPOOL_LOG": "debug"})
    agent = listen(node)
    with node.open(node.ticket()) as session:
        pid = int(agent.expect("session", state="open")["pid"])
        session.goodbye()
    agent.expect("session", state="closed")
    processes = {
        line.partition("process ")[2].split()[0] for line in node.log().splitlines() if "initialised the" in line
    }
    assert processes == {str(pid)}


def test_a_driver_that_does_not_start_is_tried_again_later_and_later(start: Callable[..., Node]) -> None:
    node = start(environment={"GPOOL_EMULATOR_MEMORY": "nonsense"})
    agent = listen(node)
    for _ in range(2):
        agent.expect("warm", state="ended", gpu=uuid_text(node.uuids[0]))
    with pytest.raises(RefusedError, match="cuInit"):
        node.open(node.ticket())


def test_without_tickets_the_warm_worker_sees_all_gpus(start: Callable[..., Node]) -> None:
    node = start(insecure=True)
    agent = node.agent(greet=False)
    agent.send(f"key {node.key.hex()}")
    agent.send("warm")
    pid = int(agent.expect("warm", state="ready", gpu="-")["pid"])
    with node.open() as session:
        assert int(agent.expect("session", state="open")["pid"]) == pid
        assert [device.uuid for device in session.devices] == node.uuids
        session.goodbye()
