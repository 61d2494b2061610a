"""Triton, unmodified and without PyTorch, compiles with its own ptxas and launches over every driver."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.drivers import Driver
from harness.toolchain import missing

_BODY = Path(__file__).parent / "bodies" / "triton_kernels.py"


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


def test_kernels_agree_with_numpy(
    driver: Driver,
    python: str,
    triton_environment: dict[str, str],
    same_as_other_drivers: Callable[[str, str], None],
) -> None:
    """Elementwise, reductions, and products through tensor-core instructions in six types."""
    text = driver.run([python, str(_BODY)], timeout_s=240, extra=triton_environment)
    assert text.count("of NumPy") == len(text.splitlines()) == 9
    same_as_other_drivers("triton", text)
