"""What a command gets when its lease is about to be taken away: a sentence, and a signal."""

from __future__ import annotations

import signal
import sys

import pytest
from fake_controller import PATIENCE_S, FakeController
from launcher_process import ASK, GpoolRun
from test_signals import COUNTING

NOON = "2026-01-01T00:00:40Z"


@pytest.mark.parametrize(("flags", "heard"), [((), "SIGTERM"), (("--warn-signal", "USR1"), "SIGUSR1")])
def test_it_is_warned_once_for_each_reason(
    flags: tuple[str, ...], heard: str, gpool_run: GpoolRun, controller: FakeController
) -> None:
    process = gpool_run.start(*flags, "--", sys.executable, "-c", COUNTING, "SIGTERM", "SIGUSR1")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "ready\n"
    controller.evict("l-1", NOON, "lease l-9 is more urgent")
    assert process.stdout.readline() == f"heard {heard} 1\n"
    assert process.stderr.readline() == (
        "gpool: lease l-1 has to give way in 40 s: lease l-9 is more urgent; save your work\n"
    )
    # It is put off: that is told, but is no new reason.
    controller.evict("l-1", "2026-01-01T00:00:50Z", "lease l-9 is more urgent")
    assert "in 50 s" in process.stderr.readline()
    output, _ = process.communicate("end\n", PATIENCE_S)
    assert (process.returncode, output) == (1, "")


def test_who_wants_no_signal_reads_of_it_only(gpool_run: GpoolRun, controller: FakeController) -> None:
    process = gpool_run.start("--warn-signal", "none", "--", sys.executable, "-c", COUNTING, "SIGTERM")
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline() == "ready\n"
    controller.evict("l-1", NOON, "node a is drained")
    assert "has to give way in 40 s: node a is drained" in process.stderr.readline()
    output, _ = process.communicate("end\n", PATIENCE_S)
    assert (process.returncode, output) == (0, "")


def test_before_the_end_of_the_maximum_duration(gpool_run: GpoolRun) -> None:
    words = ("--max-duration", "300s", "--warn", "300s", "--warn-signal", "USR2")
    process = gpool_run.start(*words, "--", "cat")
    assert process.stderr is not None
    assert "its maximum duration of 300 s is over then" in process.stderr.readline()
    assert process.wait(PATIENCE_S) == 128 + signal.SIGUSR2


def test_a_stranger_cannot_play_the_keeper(gpool_run: GpoolRun) -> None:
    """The alarm is the keeper's; the same signal from others reaches nobody."""
    process = gpool_run.start("--", sys.executable, "-c", COUNTING, "SIGTERM", "SIGUSR1")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGRTMIN)
    process.send_signal(signal.SIGUSR1)
    assert process.stdout.readline() == "heard SIGUSR1 1\n"
    output, _ = process.communicate("end\n", PATIENCE_S)
    assert (process.returncode, output) == (1, "")


def test_a_late_lease_is_warned_like_any_other(gpool_run: GpoolRun, controller: FakeController) -> None:
    program = ASK + "print(ask().splitlines()[0], flush=True)\n" + COUNTING
    process = gpool_run.start("--on-use", "--", sys.executable, "-c", program, "SIGTERM")
    assert process.stdout is not None
    assert process.stdout.readline() == "lease id=l-1\n"
    assert process.stdout.readline() == "ready\n"
    controller.evict("l-1", NOON, "queue speech takes back")
    assert process.stdout.readline() == "heard SIGTERM 1\n"
    process.communicate("end\n", PATIENCE_S)
    assert process.returncode == 1
