"""The emulated driver from outside: processes that share it, its settings and injected faults."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GPOOL_BUILD", ROOT / "build"))

Run = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def emulator() -> Path:
    """The folder with the emulated libcuda.so.1."""
    path = BUILD / "emulator" / "libcuda.so.1"
    if not path.exists():
        if "GPOOL_BUILD" in os.environ:
            pytest.fail(f"{path} is missing")
        pytest.skip(f"{path} is missing: build the native parts, or name the build folder in GPOOL_BUILD")
    return path.parent


@pytest.fixture
def program(emulator: Path, tmp_path: Path) -> Run:
    """Starts Python source in which `driver` is a Driver on the emulated GPU; `environment` as keyword arguments."""

    def start(source: str, **environment: str) -> subprocess.Popen[str]:
        preamble = "import sys\nfrom cuda.driver import *\nfrom cuda import driver as cuda\n"
        preamble += f"driver = Driver({str(emulator / 'libcuda.so.1')!r})\n"
        env = {name: value for name, value in os.environ.items() if not name.startswith(("GPOOL_", "CUDA_"))}
        env |= {"PYTHONPATH": str(ROOT / "tests"), "GPOOL_EMULATOR_NODE": f"test-{os.getpid()}",
                "XDG_RUNTIME_DIR": str(tmp_path), "PYTHONUNBUFFERED": "1"}  # fmt: skip
        command = [sys.executable, "-c", preamble + source]
        return subprocess.Popen(command, env=env | environment, text=True, stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip

    return start
