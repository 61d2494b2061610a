"""Behaviour of a CUDA driver, as bodies that take a `driver`.

Each body runs in a process of its own (a fork of the test process, which itself never loads a driver): drivers have
global state, sticky errors and exit handlers. The child ends through the C library's exit, as programs do.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from cuda.driver import Driver

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GPOOL_BUILD", ROOT / "build"))
LIMIT_SECONDS = 120


@dataclass
class DriverUnderTest:
    """Where a driver is, and the environment that it needs. Loaded on first use, in the child."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def load(self) -> Driver:
        return Driver(self.path)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "environment(**names): environment variables of the driver under test")


@pytest.fixture(params=["emulator"])
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DriverUnderTest]:
    path = BUILD / "emulator" / "libcuda.so.1"
    if not path.exists():
        sentence = f"{path} is missing: build the native parts, or name the build folder in GPOOL_BUILD"
        if "GPOOL_BUILD" in os.environ:
            pytest.fail(sentence)
        pytest.skip(sentence)
    marks: dict[str, str] = {}
    for mark in reversed(list(request.node.iter_markers("environment"))):
        marks |= mark.kwargs
    # A node of its own: no memory shared with other tests.
    environment = {"GPOOL_EMULATOR_NODE": f"test-{os.getpid()}", "XDG_RUNTIME_DIR": str(tmp_path)} | marks
    yield DriverUnderTest(path, environment)
    assert not list(tmp_path.glob("gpool/*.ledger")), "the memory ledger was left behind"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    under_test = pyfuncitem.funcargs.get("driver")
    if not isinstance(under_test, DriverUnderTest):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    run_in_child(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in names})
    return True


def run_in_child(body: Any, arguments: dict[str, Any]) -> None:
    """Runs `body` in a fork; raises AssertionError with the child's traceback when it fails."""
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
            body(**(arguments | {"driver": under_test.load()}))
        except BaseException:  # the parent raises it again
            outcome = traceback.format_exc()
        with os.fdopen(write, "wb") as pipe:
            pickle.dump(outcome, pipe)
        ctypes.CDLL(None).exit(0 if outcome is None else 1)
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        report = pipe.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        pytest.fail(f"the process ended by signal {os.WTERMSIG(status)} (14: it hung)\n{report!r}")
    outcome = pickle.loads(report)
    if outcome:
        pytest.fail(outcome, pytrace=False)
    if os.waitstatus_to_exitcode(status) != 0:
        pytest.fail(f"the process ended with {os.waitstatus_to_exitcode(status)}")
