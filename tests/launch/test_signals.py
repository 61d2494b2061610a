"""Signals around `gpool run`: what is sent to it, what a terminal sends to the whole job, and stopping."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_controller import PATIENCE_S, FakeController
from launcher_process import GpoolRun

COUNTING = """
import os, select, signal, sys
counts = {}
def say(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())
def count(number, frame):
    counts[number] = counts.get(number, 0) + 1
    say("heard", signal.Signals(number).name, counts[number])
# A signal just before a blocking read does not interrupt it, and Python would hear it only after the next line.
woken, wakes = os.pipe()
os.set_blocking(wakes, False)
signal.set_wakeup_fd(wakes)
for name in sys.argv[1:]:
    signal.signal(signal.Signals[name], count)
say("ready")
typed = b""
more = True
while more:
    ready, _, _ = select.select([0, woken], [], [])
    if woken in ready:
        os.read(woken, 64)
    if 0 in ready:
        more = os.read(0, 4096)
        *lines, typed = (typed + more).split(b"\\n")
        for line in lines:
            if line == b"end":
                sys.exit(sum(counts.values()))
            say("read", line.decode())
"""
"""Says which signals it hears; ends with their number when it reads `end`, with 0 at the end of its input."""


@pytest.mark.parametrize(
    "name", ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGCONT"]
)
def test_a_signal_to_the_launcher_reaches_the_command_once(name: str, gpool_run: GpoolRun) -> None:
    process = gpool_run.start("--", sys.executable, "-c", COUNTING, name)
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.Signals[name])
    assert process.stdout.readline() == f"heard {name} 1\n"
    output, _ = process.communicate("end\n", PATIENCE_S)
    assert (process.returncode, output) == (1, "")


def test_a_command_that_dies_of_the_signal(gpool_run: GpoolRun, controller: FakeController) -> None:
    process = gpool_run.start("--", "sh", "-c", "echo ready; exec cat")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
    assert controller.leases["l-1"]["state"] == "ended"


def test_a_signal_that_was_ignored_stays_ignored(gpool_run: GpoolRun) -> None:
    """As under nohup: what its parent ignores, neither the launcher nor the command hears."""
    process = gpool_run.start(
        "--", "sh", "-c", "echo ready; exec cat", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGHUP)
    assert process.communicate("alive", PATIENCE_S)[0] == "alive"
    assert process.returncode == 0


class Terminal:
    """A shell with job control on a terminal of its own, and what it printed."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.execve("/bin/bash", ["bash", "--norc", "--noprofile", "-i"], {**environment, "PS1": "shell> "})
        self._printed = ""

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def until(self, pattern: str) -> None:
        """Wait for output that matches, and forget everything up to it."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern, self._printed)) is None:
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"{pattern!r} did not come; the terminal shows {self._printed!r}"
            self._printed += os.read(self._master, 4096).decode(errors="replace")
        self._printed = self._printed[found.end() :]

    def close(self) -> None:
        os.close(self._master)  # hangs up
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


@pytest.fixture
def terminal(gpool_run: GpoolRun) -> Iterator[Terminal]:
    shell = Terminal(gpool_run.environment)
    yield shell
    shell.close()


@pytest.fixture
def counting(gpool_run: GpoolRun, tmp_path: Path) -> str:
    """The command line of a `gpool run` of the counting program."""
    program = tmp_path / "counting.py"
    program.write_text(COUNTING)
    return f"{sys.executable} -m gpool run -- {sys.executable} {program}"


def test_control_c_interrupts_the_command_once(terminal: Terminal, counting: str) -> None:
    terminal.type(f"{counting} SIGINT; echo code $?\n")
    terminal.until("ready\r\n")
    terminal.type("\x03")
    terminal.until("heard SIGINT 1\r\n")
    terminal.type("end\n")
    terminal.until("code 1\r\n")


def test_a_stopped_job_keeps_its_lease_and_goes_on(
    terminal: Terminal, counting: str, controller: FakeController
) -> None:
    terminal.type(f"{counting}\n")
    terminal.until("ready\r\n")
    terminal.type("\x1a")
    terminal.until("Stopped")
    renewals = controller.renewals["l-1"]
    controller.until(lambda: controller.renewals["l-1"] > renewals + 3)
    terminal.type("fg\n")
    terminal.type("hello\n")
    terminal.until("read hello\r\n")
    terminal.type("end\n")
    terminal.until("shell> ")
    terminal.type("echo code $?\n")
    terminal.until("code 0\r\n")
    assert controller.leases["l-1"]["state"] == "ended"


def test_a_hung_up_terminal_ends_the_job(gpool_run: GpoolRun, counting: str, controller: FakeController) -> None:
    shell = Terminal(gpool_run.environment)
    shell.type(f"{counting}\n")
    shell.until("ready\r\n")
    shell.close()
    controller.until(lambda: controller.leases["l-1"]["state"] == "ended")
