"""One body in a process of its own. Nothing but Python's own library, so that it runs on a bare GPU machine.

The process is a fork that has never loaded a driver: drivers have global state, sticky errors and exit handlers. The
child ends through the C library's exit, as programs do.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cuda.driver import Driver

LIMIT_SECONDS = 120


@dataclass
class DriverUnderTest:
    """Where a driver is, and the environment that it needs. Loaded on first use, in the child."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def load(self) -> Driver:
        return Driver(self.path)


def run_in_child(body: Callable[..., None], arguments: Mapping[str, Any]) -> str | None:
    """Runs `body` in a fork, with its driver loaded there. Returns None, or what went wrong: a trace or a sentence."""
    read, write = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child == 0:
        os.close(read)
        signal.alarm(LIMIT_SECONDS)
        outcome: str | None = None
        try:
            under_test = arguments["driver"]
            os.environ.update(under_test.environment)
            body(**{**arguments, "driver": under_test.load()})
        except BaseException:  # told to the parent
            outcome = traceback.format_exc()
        with os.fdopen(write, "wb") as pipe:
            pickle.dump(outcome, pipe)
        ctypes.CDLL(None).exit(0 if outcome is None else 1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        report = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGALRM:
            return f"the process hung: it was ended after {LIMIT_SECONDS} s"
        return f"the process was ended by signal {number} ({signal.Signals(number).name})"
    told: str | None = pickle.loads(report) if report else "the process ended before the body did"
    if told is None and os.waitstatus_to_exitcode(status) != 0:
        return f"the process ended with {os.waitstatus_to_exitcode(status)}"
    return told
