"""Programs whose TCP connection is cut go on with the right result; who cannot come back is told apart at once."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.drivers import Driver
from harness.network import Proxy
from harness.toolchain import Nvcc
from harness.workerd import Workerd
from network.conftest import PATIENCE_S, Holder

_ROOT = Path(__file__).parents[2]
_STICKY = "999"  # CUDA_ERROR_UNKNOWN: the context exists, its worker does not


def after_random_bytes(seed: int, least: int, most: int, first: int = 16384) -> Iterator[int]:
    """Byte counts spread over orders of magnitude. The first is beyond the greeting, which cannot be resumed."""
    numbers = random.Random(seed)
    yield first
    while True:
        yield int(least * (most / least) ** numbers.random())


def closed(workerd: Workerd) -> tuple[str, str]:
    """How the next session that ends has ended: reason and detail."""
    while (line := workerd.wait_for("session")).values["state"] != "closed":
        pass
    return line.values["reason"], line.values["detail"]


@pytest.mark.parametrize("program", ["streams_events", "tiled_matmul"])
def test_cuts_change_nothing_that_a_program_computes(
    program: str,
    nvcc: Nvcc,
    start_workerd: Callable[..., Workerd],
    reach: Callable[[Workerd, str], Driver],
) -> None:
    executable = str(nvcc.compile(_ROOT / "tests" / "cuda_programs" / f"{program}.cu"))
    workerd = start_workerd()
    uncut = reach(workerd, workerd.tcp).run([executable], timeout_s=120)
    with Proxy(workerd.tcp, cuts=after_random_bytes(seed=1, least=200, most=1 << 20)) as proxy:
        assert reach(workerd, proxy.address).run([executable], timeout_s=120) == uncut
        assert proxy.cut_count >= 3
    assert closed(workerd)[0] == "client-closed"
    # A cut may take the goodbye along; that the program has ended is noticed then as well.
    assert closed(workerd)[0] in ("client-closed", "client-lost")


@pytest.mark.parametrize("seed", [1])
def test_cuts_change_nothing_that_a_training_learns(
    seed: int,
    python: str,
    tinygrad_environment: dict[str, str],
    tmp_path: Path,
    start_workerd: Callable[..., Workerd],
    reach: Callable[[Workerd, str], Driver],
) -> None:
    """The losses of every step are those of the uncut run, to the last digit."""
    workerd = start_workerd()

    def losses(address: str) -> str:
        file = tmp_path / "losses.json"
        command = [python, str(_ROOT / "examples" / "digits" / "train.py"), "--epochs", "1", "--losses", str(file)]
        reach(workerd, address).run(command, timeout_s=240, extra=tinygrad_environment | {"DEV": "CUDA:PTX"})
        return file.read_text()

    with Proxy(workerd.tcp, cuts=after_random_bytes(seed, least=100, most=1 << 18)) as proxy:
        cut = losses(proxy.address)
        assert proxy.cut_count >= 10
    assert cut == losses(workerd.tcp)


def test_an_outage_shorter_than_the_grace_is_waited_for(
    start_workerd: Callable[..., Workerd], hold: Callable[..., Holder]
) -> None:
    workerd = start_workerd()
    with Proxy(workerd.tcp) as proxy:
        holder = hold(proxy.address)
        assert holder.ask() == "0"
        proxy.cut(for_good=True)
        holder.begin()
        workerd.wait_for_text("For 30 s the session can be resumed")
        proxy.mend()
        assert holder.answer() == "0"
        assert holder.end() == ""
    assert closed(workerd)[0] == "client-closed"


def test_beyond_the_grace_every_call_fails_and_the_memory_is_back(
    start_workerd: Callable[..., Workerd], hold: Callable[..., Holder]
) -> None:
    workerd = start_workerd(grace_s=1)
    with Proxy(workerd.tcp) as proxy:
        holder = hold(proxy.address)
        assert holder.ask() == "0"
        proxy.cut(for_good=True)
        assert [holder.ask(), holder.ask()] == [_STICKY, _STICKY]
        assert "could not be resumed within 1 s" in holder.end()
        assert closed(workerd)[0] == "client-lost"
    assert workerd.open_sessions() == []


def test_a_user_may_be_less_patient_than_the_node(
    start_workerd: Callable[..., Workerd], hold: Callable[..., Holder]
) -> None:
    workerd = start_workerd()
    with Proxy(workerd.tcp) as proxy:
        holder = hold(proxy.address, GPOOL_GRACE="0.5")
        proxy.cut(for_good=True)
        assert holder.ask() == _STICKY
        assert "could not be resumed within 0.5 s" in holder.end()
        # The program has ended, and this host knows it: nobody waits for it.
        assert closed(workerd)[0] == "client-lost"


def test_a_killed_worker_is_not_waited_for(start_workerd: Callable[..., Workerd], hold: Callable[..., Holder]) -> None:
    workerd = start_workerd()
    holder = hold(workerd.tcp)
    (session,) = workerd.open_sessions()
    os.kill(int(session.values["pid"]), signal.SIGKILL)
    assert holder.ask() == _STICKY
    assert "has ended: " in holder.end()
    assert closed(workerd) == ("worker-died", "killed by signal 9 (Killed)")


def test_a_killed_workerd_is_not_waited_for(start_workerd: Callable[..., Workerd], hold: Callable[..., Holder]) -> None:
    workerd = start_workerd()
    holder = hold(workerd.tcp)
    os.kill(workerd.pid, signal.SIGKILL)
    assert holder.ask() == _STICKY
    assert "no gpool-workerd listens there any more" in holder.end()


def test_a_workerd_that_was_started_again_knows_nothing_of_older_sessions(
    start_workerd: Callable[..., Workerd], hold: Callable[..., Holder]
) -> None:
    first = start_workerd()
    holder = hold(first.tcp)
    os.kill(first.pid, signal.SIGKILL)
    start_workerd(tcp=first.tcp)
    assert holder.ask() == _STICKY
    assert "no such session" in holder.end()


def test_a_killed_program_is_not_waited_for(start_workerd: Callable[..., Workerd], hold: Callable[..., Holder]) -> None:
    """It runs on the node itself, which sees that it is no more. Cut off at the same time, it is still seen."""
    workerd = start_workerd()
    with Proxy(workerd.tcp) as proxy:
        holders = [hold(workerd.tcp), hold(proxy.address)]
        proxy.cut(for_good=True)
        for holder in holders:
            holder.process.kill()
            holder.process.wait(PATIENCE_S)
        assert closed(workerd)[0] == closed(workerd)[0] == "client-lost"
    assert workerd.open_sessions() == []
