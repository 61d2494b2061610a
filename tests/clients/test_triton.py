"""Triton, unmodified and without PyTorch, compiles with its own ptxas and launches over every driver."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from harness.drivers import Driver

_BODY = Path(__file__).parent / "bodies" / "triton_kernels.py"


def test_kernels_agree_with_numpy(
    driver: Driver,
    python: str,
    triton_environment: dict[str, str],
    same_as_other_drivers: Callable[[str, str], None],
) -> None:
    """Elementwise, reductions, and products through tensor-core instructions in six types."""
    text = driver.run([python, str(_BODY)], timeout_s=240, extra=triton_environment)
    assert text.count("of NumPy") == len(text.splitlines()) - 1 == 9
    same_as_other_drivers("triton", text)
