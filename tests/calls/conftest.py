"""Where the natively built test programs are, and how to run Python against the made-up driver."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GPOOL_BUILD", ROOT / "build"))


def built(relative: str) -> Path:
    """A file of the native build. Skips where nobody has built; fails where GPOOL_BUILD promises that somebody has."""
    path = BUILD / relative
    if not path.exists():
        sentence = f"{path} is missing: build with -DGPOOL_BUILD_TESTS=ON, or name the build folder in GPOOL_BUILD"
        if "GPOOL_BUILD" in os.environ:
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path


@pytest.fixture(scope="session")
def made_up_driver() -> Path:
    """The folder with a libcuda.so.1 that has one device and computes nothing."""
    return built("tests/calls/libcuda.so.1").parent


def run_python(source: str, driver: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python source in a process of its own whose libcuda.so.1 is the one in `driver`."""
    env = os.environ | {"LD_LIBRARY_PATH": str(driver)} | environment
    command = [sys.executable, "-c", source]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
