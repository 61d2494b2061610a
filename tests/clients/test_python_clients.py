"""Clients with drivers' objects of their own, unmodified: each body compares with NumPy and prints what it found."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.drivers import Driver
from harness.toolchain import missing

_BODIES = Path(__file__).parent / "bodies"


@pytest.mark.parametrize(
    ("body", "package", "last_line"),
    [
        ("numba_kernels", "numba-cuda", "numba agrees with NumPy"),
        ("cuda_core_objects", "cuda-core", "cuda-core agrees with NumPy"),
        ("cuda_core_graphs", "cuda-core", "cuda-core agrees with NumPy"),
    ],
)
def test_body_agrees_with_numpy(
    body: str,
    package: str,
    last_line: str,
    driver: Driver,
    python: str,
    same_as_other_drivers: Callable[[str, str], None],
) -> None:
    # By the distribution's name: in the tests' own path `cuda` is another package.
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        missing(package)
    text = driver.run([python, str(_BODIES / f"{body}.py")], timeout_s=240, extra={"PYTHONPATH": ""})
    assert text.splitlines()[-1] == last_line, text
    same_as_other_drivers(body, text)
