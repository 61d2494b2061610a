"""kill -9, in the middle of work, of each process that a running program has to do with, over both transports.

| killed     | the program                    | its lease | who puts it right                                        |
| ---------- | ------------------------------ | --------- | -------------------------------------------------------- |
| client     | is gone                        | ends      | worker, workerd                                          |
| worker     | sees a CUDA error that stays   | lives on  | workerd; the next process of the lease gets a new worker |
| agent      | notices nothing                | lives on  | the next agent, which adopts workerd                     |
| controller | notices nothing                | lives on  | the next controller, which knows its leases              |
| workerd    | sees a CUDA error that stays   | lives on  | the agent, which starts a new workerd                    |

Two bystanders compute all the while, one over each transport, and compare every result.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
from gpool_home import PATIENCE_S, GpoolHome
from remains import remains

HERE = Path(__file__).parent
STEADY = f"{shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'steady.py'))}"
ENDLESS = f"{shlex.quote(sys.executable)} {shlex.quote(str(HERE / 'endless.py'))}"
CUDA_ERROR_NOT_READY, CUDA_ERROR_UNKNOWN = 600, 999
TRANSPORTS = ("shm", "tcp")


class Program:
    """Context manager: `steady.py` under `gpool run`, well on its way with computing. It ends with the context."""

    def __init__(self, pool: GpoolHome, node: str, transport: str, *, twice: bool = False) -> None:
        self.pool = pool
        words = ("--memory", "256MiB", "--node", node, "--transport", transport)
        self.process = pool.hold(*words, program=f"{STEADY} && exec {STEADY}" if twice else f"exec {STEADY}")
        self.lease: str = self.process.lease  # type: ignore[attr-defined]

    def __enter__(self) -> Program:
        self.alive()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None and error is not None:
            self.process.kill()
        self.process.communicate(timeout=PATIENCE_S)

    def next_words(self) -> dict[str, Any]:
        """The next thing that it says of its own."""
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE_S)[0], "it has nothing more to say"
        line = self.process.stdout.readline()
        assert line, f"it ended with {self.process.wait(PATIENCE_S)}: {self.process.communicate()[1]}"
        words: dict[str, Any] = json.loads(line)
        return words

    def nudge(self) -> None:
        """A line to its stdin."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def alive(self) -> int:
        """Returns when it has done three more steps, each with the right result; how many there were."""
        self.nudge()
        words = self.next_words()
        assert list(words) == ["steps"], words
        return int(words["steps"])

    def lost_its_worker(self) -> None:
        """CUDA's error is the answer to the call that was at work, and to every call after it."""
        words = self.next_words()
        assert words["code"] == CUDA_ERROR_UNKNOWN
        assert set(words["afterwards"].values()) == {CUDA_ERROR_UNKNOWN}, words

    def end(self) -> tuple[int, str]:
        """Has it end in good order; the exit code and all of stderr."""
        _, told = self.process.communicate("", PATIENCE_S)
        return self.process.returncode, told

    def session(self) -> dict[str, Any] | None:
        """Its session, as `gpool ps` shows it."""
        (lease,) = (lease for lease in self.pool.json("ps") if lease["id"] == self.lease)
        assert lease["state"] == "active"
        return next(iter(lease["sessions"]), None)

    def memory_used(self) -> int:
        """Bytes that it uses, as `gpool smi` shows them."""
        vgpus = [vgpu for gpu in self.pool.json("smi") for vgpu in gpu["vgpus"] if vgpu["lease"] == self.lease]
        return sum(vgpu["memory_used_bytes"] for vgpu in vgpus)


def told_of_the_loss(sentence: str, node: str) -> bool:
    """Whether this is the client's sentence about its lost worker."""
    return f"The connection to the worker on node {node} has ended" in sentence and sentence.endswith(
        "Every CUDA call on its GPUs fails from now on; start the program again."
    )


@pytest.fixture(scope="module")
def bystanders(pool: GpoolHome) -> Iterator[list[Program]]:
    """Two programs on node-a, one over each transport, to be unharmed by everything here."""
    with ExitStack() as programs:
        yield [programs.enter_context(Program(pool, "node-a", transport)) for transport in TRANSPORTS]
    assert pool.json("ps") == []


def settle(pool: GpoolHome) -> Counter[str]:
    """What remains once the same has been seen three times in a row: workerd makes workers ready in the background."""
    seen = [remains(pool.runtime)]
    for _ in range(int(PATIENCE_S)):
        pool.json("ps")  # takes a while
        seen.append(remains(pool.runtime))
        if len(seen) > 2 and seen[-1] == seen[-2] == seen[-3]:
            return seen[-1]
    raise AssertionError(f"what the pool holds does not settle: {seen[-1]} after {seen[-2]}")


@pytest.fixture(autouse=True)
def unharmed(pool: GpoolHome, bystanders: list[Program]) -> Iterator[None]:
    """Around each test: the bystanders compute, and the machine holds as much of the pool after it as before."""
    settled = settle(pool)
    yield
    for program in bystanders:
        program.alive()
    for _ in range(int(PATIENCE_S)):
        if (left := remains(pool.runtime)) == settled:
            return
        pool.json("ps")  # takes a while
    assert left == settled


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_killed_client(transport: str, pool: GpoolHome) -> None:
    with Program(pool, "node-a", transport) as program:
        session = program.session()
        assert session is not None
        os.kill(session["client_pid"], signal.SIGKILL)
        code, told = program.end()
        assert (code, told) == (128 + signal.SIGKILL, "")
    assert program.lease not in [lease["id"] for lease in pool.json("ps")]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_killed_worker(transport: str, pool: GpoolHome) -> None:
    """The lease lives on: the next process of the same command finds a new worker."""
    with Program(pool, "node-a", transport, twice=True) as program:
        session = program.session()
        assert session is not None
        os.kill(session["worker_pid"], signal.SIGKILL)
        program.lost_its_worker()
        for _ in range(int(PATIENCE_S)):  # the node tells when it happens; each look takes a while
            if program.session() is None:
                break
        assert program.session() is None
        assert program.memory_used() == 0
        program.nudge()
        program.alive()
        code, told = program.end()
        assert code == 0
        (sentence,) = told.splitlines()
        assert told_of_the_loss(sentence, "node-a")
    log = (pool.state / "gpool" / "logs" / "agent-node-a.log").read_text()
    assert f'"lease": "{program.lease}", "reason": "worker-died", "detail": "killed by signal 9 (Killed)"' in log


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_released_lease_ends_a_kernel_without_an_end(transport: str, pool: GpoolHome) -> None:
    words = ("--memory", "256MiB", "--node", "node-a", "--transport", transport)
    process = pool.hold(*words, program=f"exec {ENDLESS}")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline()) == {"at work": CUDA_ERROR_NOT_READY}
    assert pool("release", process.lease).returncode == 0  # type: ignore[attr-defined]
    said, told = process.communicate(timeout=PATIENCE_S)
    assert json.loads(said) == {"codes": [CUDA_ERROR_UNKNOWN] * 2}
    (sentence,) = (line for line in told.splitlines() if not line.startswith("gpool: "))
    assert told_of_the_loss(sentence, "node-a")
    assert "(the lease has ended)" in sentence


def kill_daemon(pool: GpoolHome, name: str) -> None:
    pid = (pool.runtime / "gpool" / f"{name}.pid").read_text().split()[0]
    subprocess.run(["kill", "-9", pid], check=True)


def sessions(pool: GpoolHome) -> list[tuple[str, int]]:
    """Lease and worker of every session."""
    return sorted((s["lease"], s["worker_pid"]) for lease in pool.json("ps") for s in lease["sessions"])


def test_a_killed_agent(pool: GpoolHome, bystanders: list[Program]) -> None:
    """Programs run without it; the next one adopts workerd and all sessions."""
    before = sessions(pool)
    assert len(before) == len(bystanders)
    kill_daemon(pool, "agent-node-a")
    for program in bystanders:
        program.alive()
    assert pool("up").returncode == 0
    assert sessions(pool) == before
    for program in bystanders:
        program.alive()


def test_a_killed_controller(pool: GpoolHome, bystanders: list[Program]) -> None:
    """Programs run without it; the next one knows the leases and hears of the sessions again."""
    before = sessions(pool)
    kill_daemon(pool, "controller")
    for program in bystanders:
        program.alive()
    assert pool("up").returncode == 0
    assert sessions(pool) == before
    for program in bystanders:
        program.alive()


def test_a_killed_workerd(pool: GpoolHome) -> None:
    """Its workers go with it, on its node alone; the agent starts another one, and programs can start again."""
    with ExitStack() as stack:
        programs = [stack.enter_context(Program(pool, "node-b", transport)) for transport in TRANSPORTS]
        pid = (pool.runtime / "gpool" / "node-b" / "workerd.pid").read_text().strip()
        os.kill(int(pid), signal.SIGKILL)
        for program in programs:
            program.lost_its_worker()
            code, told = program.end()
            assert code == 0
            (sentence,) = told.splitlines()
            assert told_of_the_loss(sentence, "node-b")
    with Program(pool, "node-b", "tcp") as program:
        assert (pool.runtime / "gpool" / "node-b" / "workerd.pid").read_text().strip() != pid
        assert program.end() == (0, "")
