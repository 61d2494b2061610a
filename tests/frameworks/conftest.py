"""PyTorch, unmodified, on the emulated GPU's dry run: directly, and through ours over shared memory and over TCP.

`make test-frameworks` runs these in an environment of their own; where PyTorch is not installed none is collected.
With `--record`, a run of all of them writes docs/reference/compatibility/pytorch-WAY.json.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.drivers import DRIVERS, Driver
from harness.leftovers import Leftovers
from harness.workerd import Workerd
from suites.record import Record

if importlib.util.find_spec("torch") is None:
    collect_ignore_glob = ["test_*.py"]

# 1 GiB of device memory, so that a program can fill it.
_EMULATED_GPU = {"GPOOL_EMULATOR_DRY_RUN": "1", "GPOOL_EMULATOR_MEMORY": "1GiB"}


@pytest.fixture(scope="session")
def workerd(native: Path) -> Iterator[Workerd]:
    """One workerd for the whole run; each process of a program is a session of its own on it."""
    with Workerd(native, _EMULATED_GPU) as running:
        yield running


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest, native: Path, workerd: Workerd) -> Iterator[Driver]:
    """A way to the GPU in a dry run. After the test nothing of it may be left."""
    node = f"direct-{os.getpid()}"
    before = Leftovers.look((node, workerd.node))
    reached = Driver.reach(request.param, native, workerd, node)
    if reached.workerd is None:
        reached = replace(reached, environment=reached.environment | _EMULATED_GPU)
    yield reached
    workerd.wait_until_idle()
    left = Leftovers.look((node,)).new_since(before)
    assert not left, f"left behind: {', '.join(left)}"


class Recorder:
    """Counts what became of the tests over each way."""

    def __init__(self) -> None:
        self._outcomes = {way: Counter[str]() for way in DRIVERS}
        self._failures = {way: Counter[str]() for way in DRIVERS}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """The parameter of the fixture `driver` is the way, and stands first in the brackets."""
        way = next(one for one in DRIVERS if f"[{one}" in report.nodeid)
        if report.failed:
            self._failures[way][f"not explained: {report.nodeid.split('::')[-1]}"] += 1
        if report.when == "call":
            self._outcomes[way][report.outcome] += 1

    def pytest_sessionfinish(self) -> None:
        """Writes the records."""
        for way, counts in self._outcomes.items():
            Record(
                suite="pytorch",
                client="PyTorch",
                version=importlib.metadata.version("torch"),
                what="training, layers, graphs, compiled functions, processes and what they cost (`tests/frameworks`), "
                "in a dry run: kernels without PTX are skipped",
                way=way,
                passed=counts["passed"],
                failed=self._failures[way].total(),
                skipped=0,
                failures=dict(self._failures[way]),
            ).write()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option."""
    parser.addoption("--record", action="store_true", help="write docs/reference/compatibility/pytorch-WAY.json")


def pytest_configure(config: pytest.Config) -> None:
    """Recording is asked for by name: a part of the tests is no record."""
    if config.getoption("--record", default=False):
        config.pluginmanager.register(Recorder())
