"""tinygrad, unmodified, trains and infers over every driver, with kernels from NVRTC and with its own PTX."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.drivers import Driver

_BODIES = Path(__file__).parent / "bodies"
_DIGITS = Path(__file__).parents[2] / "examples" / "digits"

# tinygrad's names: kernels in CUDA C, compiled by NVRTC, and kernels that it writes in PTX itself.
_RENDERERS = {"NVRTC": "CUDA", "PTX": "CUDA:PTX"}


@pytest.fixture(params=_RENDERERS)
def renderer(request: pytest.FixtureRequest) -> str:
    """Value of tinygrad's variable DEV."""
    return _RENDERERS[request.param]


def _numpy(script: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(script), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="session")
def resnet18_scores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What NumPy computes for the picture."""
    scores = tmp_path_factory.mktemp("resnet18") / "numpy.npy"
    _numpy(_BODIES / "resnet18_numpy.py", str(scores))
    return scores


def test_training_has_the_losses_of_numpy(
    driver: Driver,
    renderer: str,
    python: str,
    tinygrad_environment: dict[str, str],
    tmp_path: Path,
    same_as_other_drivers: Callable[[str, str], None],
) -> None:
    """The digits example, two epochs of 22 steps: each step's loss is NumPy's to float32 rounding."""
    losses = tmp_path / "losses.json"
    driver.run(
        [python, str(_DIGITS / "train.py"), "--epochs", "2", "--losses", str(losses)],
        timeout_s=240,
        extra=tinygrad_environment | {"DEV": renderer},
    )
    assert "44 steps" in _numpy(_DIGITS / "reference.py", str(losses))
    same_as_other_drivers(f"training with {renderer}", losses.read_text())


def test_resnet18_forward_agrees_with_numpy(
    driver: Driver,
    renderer: str,
    python: str,
    tinygrad_environment: dict[str, str],
    tmp_path: Path,
    resnet18_scores: Path,
    same_as_other_drivers: Callable[[str, str], None],
) -> None:
    """One picture of 224 x 224 through 20 convolutions."""
    np = pytest.importorskip("numpy")
    scores = tmp_path / "tinygrad.npy"
    driver.run(
        [python, str(_BODIES / "resnet18_tinygrad.py"), str(scores)],
        timeout_s=240,
        extra=tinygrad_environment | {"DEV": renderer},
    )
    got, wanted = np.load(scores), np.load(resnet18_scores)
    assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()
    same_as_other_drivers(f"resnet18 with {renderer}", got.tobytes().hex())
