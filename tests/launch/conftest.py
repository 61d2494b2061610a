"""A fake controller and a launcher for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_controller import PATIENCE_S, FakeController, fake_controller
from launcher_process import GpoolRun


@pytest.fixture
def controller() -> Iterator[FakeController]:
    with fake_controller() as running:
        yield running


@pytest.fixture
def gpool_run(tmp_path: Path, controller: FakeController) -> Iterator[GpoolRun]:
    runner = GpoolRun(tmp_path, controller)
    yield runner
    for process in runner.started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=PATIENCE_S)
    assert runner.left_overs() == []
