"""PyTorch, unmodified, on the emulated GPU's dry run: directly, and through ours over shared memory and over TCP.

`make test-frameworks` runs these in an environment of their own; where PyTorch is not installed none is collected.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from harness.drivers import DRIVERS, Driver
from harness.leftovers import Leftovers
from harness.workerd import Workerd

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
