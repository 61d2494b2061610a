"""The client driver over shared memory and over TCP, before a workerd on the emulated GPU.

The bodies take a `driver`, as those of tests/driver do, and run in a process of their own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from driver.child import DriverUnderTest
from driver.conftest import pytest_configure, pytest_pyfunc_call
from harness.workerd import Workerd

__all__ = ["pytest_configure", "pytest_pyfunc_call"]

# A developer's shell must not decide which GPUs a test sees.
for _name in ("CUDA_VISIBLE_DEVICES", "GPOOL_BROKER", "GPOOL_ENDPOINTS", "GPOOL_TRACE", "GPOOL_STATS"):
    os.environ.pop(_name, None)


@pytest.fixture(scope="session")
def workerd(native: Path) -> Iterator[Workerd]:
    with Workerd(native, {"GPOOL_EMULATOR_GPUS": "2"}) as running:
        yield running


@pytest.fixture(params=["shm", "tcp"])
def driver(request: pytest.FixtureRequest, native: Path, workerd: Workerd) -> Iterator[DriverUnderTest]:
    endpoint = f"unix:{workerd.unix_path}" if request.param == "shm" else f"tcp:{workerd.tcp}"
    environment = {"GPOOL_ENDPOINTS": endpoint}
    for mark in reversed(list(request.node.iter_markers("environment"))):
        environment |= {name: str(value).replace("ENDPOINT", endpoint) for name, value in mark.kwargs.items()}
    yield DriverUnderTest(native / "client" / "libcuda.so.1", environment)
    workerd.wait_until_idle()
