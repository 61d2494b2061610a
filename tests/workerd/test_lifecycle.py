"""Processes come and go; nothing of them stays."""

from __future__ import annotations

import os
import select
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from workerd.conftest import MIB, Node
from workerd.speaker import PATIENCE_S, PUSH_ERROR, RefusedError


def pidfd_wait(pid: int, pidfd: int) -> None:
    assert select.select([pidfd], [], [], PATIENCE_S)[0], f"process {pid} has not ended"
    os.close(pidfd)


def test_the_death_of_a_client_gives_its_memory_back(node: Node) -> None:
    agent = node.agent()
    first, second = node.open(node.ticket()), node.open(node.ticket())
    with second:
        for session in (first, second):
            session.begin()
        assert first.map(0, 48 * MIB) == 0
        assert second.map(0, 48 * MIB) == 2
        assert second.memory_info()[0] == 16 * MIB
        first.socket.close()
        assert agent.expect("session", state="closed")["reason"] == "client-lost"
        assert second.map(0, 48 * MIB) == 0
        second.goodbye()
    assert agent.expect("session", state="closed")["reason"] == "client-closed"
    assert not list(node.state.glob("ledger-*"))


def test_a_killed_worker_gives_its_memory_back_and_hurts_nobody_else(node: Node) -> None:
    agent = node.agent()
    victim = node.open(node.ticket())
    opened = agent.expect("session", state="open")
    other = node.open(node.ticket())
    with victim, other:
        for session in (victim, other):
            session.begin()
        assert victim.map(0, 64 * MIB) == 0
        os.kill(int(opened["pid"]), signal.SIGKILL)
        victim.until_ended()
        closed = agent.expect("session", state="closed")
        assert (closed["id"], closed["reason"], closed["detail"]) == (
            opened["id"],
            "worker-died",
            "killed by signal 9 (Killed)",
        )
        assert other.map(0, 64 * MIB) == 0
        other.goodbye()


def test_revoking_a_lease_ends_its_sessions_and_no_others(node: Node) -> None:
    agent = node.agent()
    ours, theirs = node.open(node.ticket(lease="l-ours")), node.open(node.ticket(lease="l-theirs"))
    with ours, theirs:
        theirs.begin()
        agent.send("revoke l-ours")
        ours.until_ended()
        assert [(push.call, push.status) for push in ours.pushes] == [(PUSH_ERROR, 46)]
        assert b"the lease has ended" in ours.pushes[0].arguments
        assert agent.expect("session", state="closed", lease="l-ours")["reason"] == "revoked"
        with pytest.raises(RefusedError, match="has ended"):
            node.open(node.ticket(lease="l-ours"))
        assert theirs.map(0, 2 * MIB) == 0
        theirs.goodbye()


def test_without_its_zygote_workerd_ends(node: Node) -> None:
    """It could start no worker any more; the agent starts another one."""
    agent = node.agent()
    assert node.process is not None
    with node.open(node.ticket()) as session:
        agent.expect("session", state="open")
        (zygote,) = Path(f"/proc/{node.process.pid}/task/{node.process.pid}/children").read_text().split()
        os.kill(int(zygote), signal.SIGKILL)
        session.until_ended()
        assert agent.expect("session", state="closed")["reason"] == "worker-died"
    assert node.wait_for_end() == 1
    assert "the zygote has died" in node.log()
    assert not list(node.state.glob("ledger-*"))


@pytest.mark.parametrize("how", ["quit", "SIGTERM", "SIGKILL"])
def test_workers_never_outlive_workerd(node: Node, how: str) -> None:
    agent = node.agent()
    sessions = [node.open(node.ticket()) for _ in range(3)]
    pids = [int(agent.expect("session", state="open")["pid"]) for _ in sessions]
    pidfds = [os.pidfd_open(pid) for pid in pids]
    assert node.process is not None
    if how == "quit":
        agent.send("quit")
    else:
        node.process.send_signal(getattr(signal, how))
    for session in sessions:
        session.until_ended()
        session.socket.close()
    for pid, pidfd in zip(pids, pidfds, strict=True):
        pidfd_wait(pid, pidfd)
    assert node.wait_for_end() == (-signal.SIGKILL if how == "SIGKILL" else 0)
    if how == "SIGKILL":
        assert list(node.state.glob("ledger-*"))  # nobody was left to remove it
    else:
        assert not (node.state / "workerd.sock").exists()


def test_a_killed_workerd_can_be_started_again_on_its_folder(node: Node) -> None:
    node.agent()
    assert node.process is not None
    with node.open(node.ticket()):
        node.process.kill()
        node.wait_for_end()
        assert node.process.stdout is not None
        node.process.stdout.close()
        node.start()
        assert not list(node.state.glob("ledger-*"))
    node.agent()
    with node.open(node.ticket()) as session:
        session.goodbye()


def test_a_second_workerd_on_the_same_folder_says_so(node: Node) -> None:
    assert node.process is not None
    second = subprocess.run(
        node.command, env=node.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert second.returncode == 1
    assert f"(process {node.process.pid}) already uses the state folder {node.state}" in second.stderr


def test_a_port_in_use_says_so(node: Node, start: Callable[..., Node]) -> None:
    other = [*node.command]
    other[other.index("--state") + 1] = str(node.state / "other")
    other[other.index("--tcp") + 1] = node.tcp
    second = subprocess.run(
        other, env=node.environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert second.returncode == 1
    assert "is in use" in second.stderr
    assert "Traceback" not in second.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "are needed"),
        (["--frobnicate"], "no option --frobnicate"),
        (["--node", "n", "--state", "/tmp/x", "--tcp", "nonsense"], "nonsense is not an address"),
        (["--node", "n", "--state", "/tmp/x", "--tcp", "h:99999"], "not an address"),
        (["--node", "n", "--state", "/tmp/x", "--tcp", "0.0.0.0:1", "--insecure"], "gives every caller the GPUs"),
        (["--node", "n", "--state", "/proc/none/x", "--tcp", "off"], "could not be made"),
        (["--node", "n", "--state", "/tmp/x", "--tcp", "off", "--linger", "soon"], "not a number of seconds"),
    ],
)
def test_a_wrong_command_line_gets_one_sentence(node: Node, arguments: list[str], words: str) -> None:
    result = subprocess.run(
        [node.command[0], *arguments], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert result.returncode == 1
    assert words in result.stderr
    assert len(result.stderr.splitlines()) == 1


def test_it_ends_by_itself_when_nobody_needs_it(start: Callable[..., Node]) -> None:
    node = start(linger_s=1)
    agent = node.agent()
    with node.open(node.ticket()) as session:
        session.goodbye()
    agent.expect("session", state="closed")
    node.stop_agents()
    assert node.wait_for_end() == 0


def test_a_driver_that_is_missing_is_named(start: Callable[..., Node], node: Node) -> None:
    node.command[node.command.index("--driver") + 1] = "/no/such/folder"
    node.process.terminate()  # type: ignore[union-attr]
    node.wait_for_end()
    node.process.stdout.close()  # type: ignore[union-attr]
    node.start()
    agent = node.agent()
    with pytest.raises(RefusedError, match="/no/such/folder"):
        node.open(node.ticket())
    closed = agent.expect("session", state="closed")
    assert closed["reason"] == "worker-died"
    assert "/no/such/folder" in closed["detail"]


def test_status_and_usage(node: Node) -> None:
    agent = node.agent()
    with node.open(node.ticket()) as session:
        session.begin()
        assert session.map(0, 4 * MIB) == 0
        lines = agent.status()
        while not [line for line in lines if line[0] == "session"]:
            lines = agent.status()
        usage = [values for word, values in lines if word == "usage" and values["bytes"] == str(4 * MIB)]
        assert usage
        assert usage[0]["limit"] == str(64 * MIB)
        while not (doing := [values for word, values in agent.status() if word == "activity"]):
            pass
        (session_line,) = [values for word, values in agent.status() if word == "session"]
        assert doing[0]["session"] == session_line["id"]
        assert doing[0]["gpu"] == usage[0]["gpu"]
        assert doing[0]["busy"] == "0"
        session.goodbye()
    agent.expect("session", state="closed")
    assert agent.status() == []


def test_an_unknown_control_line_is_answered(node: Node) -> None:
    agent = node.agent()
    agent.send("dance")
    assert "There is no command dance" in agent.expect("error")["detail"]
    agent.send("key 12")
    assert "64 hexadecimal digits" in agent.expect("error")["detail"]
