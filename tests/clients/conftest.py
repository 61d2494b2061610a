"""Real CUDA clients: each body runs on the emulated GPU directly, and through ours over shared memory and TCP."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.drivers import DRIVERS, Driver
from harness.leftovers import Leftovers
from harness.toolchain import Nvcc, find_nvrtc, missing
from harness.workerd import Workerd


@pytest.fixture(scope="session")
def workerd(native: Path) -> Iterator[Workerd]:
    """One workerd for the whole run; each program is a session of its own on it."""
    with Workerd(native) as running:
        yield running


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest, native: Path, workerd: Workerd) -> Iterator[Driver]:
    """A way to the GPU. After the test nothing of it may be left: no session, no process, no shared memory."""
    node = f"direct-{os.getpid()}"
    nodes = (node, workerd.node)
    before = Leftovers.look(nodes)
    yield Driver.reach(request.param, native, workerd, node)
    workerd.wait_until_idle()
    left = Leftovers.look((node,)).new_since(before)
    assert not left, f"left behind: {', '.join(left)}"


@pytest.fixture(scope="session")
def nvcc(request: pytest.FixtureRequest) -> Nvcc:
    """nvcc with a cache that outlives the run, in pytest's own cache folder."""
    return Nvcc(Path(request.config.cache.mkdir("cuda_programs")))


@pytest.fixture(scope="session")
def tinygrad_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What tinygrad is told by variables of its own: where NVRTC is, and a cache of kernels for this run alone."""
    nvrtc = find_nvrtc()
    if nvrtc is None:
        missing("NVRTC")
    if importlib.util.find_spec("tinygrad") is None:
        missing("tinygrad")
    folder = tmp_path_factory.mktemp("tinygrad")
    return {"NVRTC_PATH": str(nvrtc), "XDG_CACHE_HOME": str(folder), "PYTHONPATH": ""}


@pytest.fixture(scope="session")
def triton_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """One cache of compiled kernels for this run: what one driver had compiled, the others load."""
    if importlib.util.find_spec("triton") is None:
        missing("triton")
    # Triton builds its launcher, a C extension of Python, when it first meets a GPU.
    compiler = next(filter(None, map(shutil.which, ("gcc", "clang", "cc", "gcc-14", "gcc-13", "gcc-12"))), None)
    if compiler is None:
        missing("a C compiler")
    if not (Path(sysconfig.get_paths()["include"]) / "Python.h").exists():
        missing("Python.h (on Debian and Ubuntu: the package python3-dev)")
    return {
        "CC": str(compiler),
        "TRITON_CACHE_DIR": str(tmp_path_factory.mktemp("triton")),
        "TRITON_DEFAULT_FP_FUSION": "1",  # a default that changes between versions, and the results with it
    }


@pytest.fixture(scope="session")
def outputs() -> dict[str, tuple[str, str]]:
    """What each body printed on the driver that ran it first: (driver, text)."""
    return {}


@pytest.fixture
def same_as_other_drivers(driver: Driver, outputs: dict[str, tuple[str, str]]) -> Callable[[str, str], None]:
    """Compares a body's output with what it printed on the drivers before this one."""

    def compare(body: str, text: str) -> None:
        first_driver, first_text = outputs.setdefault(body, (driver.name, text))
        assert text == first_text, f"{body} answers differently over {driver.name} than over {first_driver}"

    return compare


@pytest.fixture(scope="session")
def python() -> str:
    """The interpreter that has the clients' packages."""
    return sys.executable
