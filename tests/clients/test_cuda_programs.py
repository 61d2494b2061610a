"""CUDA C++ programs, built by plain nvcc with its static runtime, compute right over every driver."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.drivers import Driver
from harness.toolchain import Nvcc

_SOURCES = Path(__file__).parent.parent / "cuda_programs"
_PROGRAMS = sorted(path.stem for path in _SOURCES.glob("*.cu"))


@pytest.mark.parametrize("program", _PROGRAMS)
def test_program_agrees_with_the_cpu(
    program: str, driver: Driver, nvcc: Nvcc, same_as_other_drivers: Callable[[str, str], None]
) -> None:
    """Each program compares the GPU's answers with the CPU's itself, and its summary is the same over every driver."""
    executable = nvcc.compile(_SOURCES / f"{program}.cu")
    text = driver.run([str(executable)], timeout_s=120)
    assert text.splitlines()[-1].startswith(f"PASS {program} "), text
    same_as_other_drivers(program, text)


def test_programs_that_share_a_gpu_do_not_disturb_each_other(
    driver: Driver, nvcc: Nvcc, same_as_other_drivers: Callable[[str, str], None]
) -> None:
    """Three processes at once, one of them with many streams: each prints what it prints alone."""
    programs = ("concurrent_launches", "histogram", "tiled_matmul")
    executables = [nvcc.compile(_SOURCES / f"{program}.cu") for program in programs]
    with ThreadPoolExecutor(len(programs)) as pool:
        texts = list(pool.map(lambda executable: driver.run([str(executable)], timeout_s=120), executables))
    for program, text in zip(programs, texts, strict=True):
        assert text.splitlines()[-1].startswith(f"PASS {program} "), text
        same_as_other_drivers(program, text)
