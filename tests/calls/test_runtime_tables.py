"""NVIDIA's own CUDA runtime starts on our tables, and only while they agree with the public calls."""

from __future__ import annotations

import importlib.util
import subprocess
from pathlib import Path

import pytest

from .conftest import built, run_python

INTEGRITY_CHECKS_FAILED = 103

START = """
import ctypes, sys
runtime = ctypes.CDLL(sys.argv[1] if len(sys.argv) > 1 else RUNTIME)
count, address = ctypes.c_int(-1), ctypes.c_void_p()
print(runtime.cudaGetDeviceCount(ctypes.byref(count)), count.value)
print(runtime.cudaMalloc(ctypes.byref(address), ctypes.c_size_t(256)), hex(address.value or 0))
print(runtime.cudaDeviceReset())
print(runtime.cudaMalloc(ctypes.byref(address), ctypes.c_size_t(256)), hex(address.value or 0))
"""


def runtimes() -> list[Path]:
    """Every CUDA runtime in this Python's packages: nvidia/*/lib/libcudart.so.*"""
    spec = importlib.util.find_spec("nvidia")
    folders = list(spec.submodule_search_locations or []) if spec else []
    return sorted(found for folder in folders for found in Path(folder).glob("*/lib/libcudart.so.*"))


@pytest.fixture(params=runtimes() or [None], ids=lambda path: path.name if path else "none")
def runtime(request: pytest.FixtureRequest) -> Path:
    if request.param is None:
        pytest.skip("no CUDA runtime in this Python; install nvidia-cuda-runtime")
    return Path(request.param)


def start(runtime: Path, driver: Path, **environment: str) -> list[str]:
    done = run_python(f"RUNTIME = {str(runtime)!r}\n{START}", driver, **environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_the_tables_and_the_handshake_follow_the_published_vectors() -> None:
    program = built("tests/export_tables/gpool_export_tables_test")
    done = subprocess.run([program], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


def test_the_runtime_starts_allocates_and_survives_a_reset(runtime: Path, made_up_driver: Path) -> None:
    assert start(runtime, made_up_driver) == ["0 1", "0 0x7f0000000000", "0", "0 0x7f0000000000"]


@pytest.mark.parametrize("lie", ["version", "uuid", "bus", "count"])
def test_the_runtime_refuses_tables_that_contradict_the_calls(runtime: Path, made_up_driver: Path, lie: str) -> None:
    answers = start(runtime, made_up_driver, MADE_UP_DRIVER_LIE=lie)
    assert int(answers[0].split()[0]) == INTEGRITY_CHECKS_FAILED


def test_without_the_tables_the_runtime_refuses_cleanly(runtime: Path, made_up_driver: Path) -> None:
    done = run_python(f"RUNTIME = {str(runtime)!r}\n{START}", made_up_driver, GPOOL_RUNTIME_TABLES="off")
    assert done.returncode == 0, "a refused table must not crash the runtime"
    assert int(done.stdout.split()[0]) != 0
