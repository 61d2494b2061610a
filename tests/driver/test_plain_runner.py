"""The bodies run where there is no pytest: on a bare GPU machine."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from driver.conftest import emulated_driver


def run(driver: Path, only: str, answers: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Runs the bodies whose name contains `only`, in a Python that sees no packages."""
    script = Path(__file__).with_name("run.py")
    command = [sys.executable, "-I", "-S", str(script), "--driver", str(driver), "--json", str(answers), *options]
    return subprocess.run([*command, "--only", only], capture_output=True, text=True, timeout=60)


def test_bodies_run_without_any_package(tmp_path: Path) -> None:
    answers = tmp_path / "answers.json"
    done = run(emulated_driver(), "test_cu_init", answers, "--way", "emulator")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(answers.read_text())
    assert report["sums"] == {"passed": 1, "failed": 0, "left out": 0}
    assert report["device"] == "Emulated GPU"
    assert [body["body"] for body in report["bodies"]] == ["test_driver_start::test_cu_init_takes_no_flags"]


def test_a_body_that_fails_says_why(tmp_path: Path) -> None:
    """A library that is no driver stands for one that answers wrong."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    library = next((line.split()[-1] for line in lines if "/libc.so" in line), None)
    if library is None:
        pytest.skip("this Python is not linked with glibc")
    answers = tmp_path / "answers.json"
    done = run(Path(library), "test_freeing_twice", answers)
    assert done.returncode == 1
    assert "cuInit" in done.stdout
    (body,) = json.loads(answers.read_text())["bodies"]
    assert body["status"] == "failed"
    assert "cuInit" in body["why"]
