"""What common steps cost on the wire, counted by the client: messages, wire operations, round trips.

The numbers are exact. A change that lowers one is welcome to lower it here; one that raises it needs an argument.
"""

from __future__ import annotations

import importlib.metadata
import json
from pathlib import Path
from typing import Any

import pytest

from harness.drivers import Driver
from harness.toolchain import missing

_BODIES = Path(__file__).parent / "bodies"

pytestmark = pytest.mark.parametrize("driver", ["shm", "tcp"], indirect=True)


def _counted(driver: Driver, python: str, body: str, folder: Path, environment: dict[str, str]) -> list[dict[str, Any]]:
    """What the client counted between each pair of profiler calls of the body."""
    statistics = folder / "statistics.json"
    driver.run(
        [python, str(_BODIES / f"{body}.py")], timeout_s=240, extra=environment | {"GPOOL_STATS": str(statistics)}
    )
    spans: list[dict[str, Any]] = json.loads(statistics.read_text())["profiled"]
    for span in spans:
        assert sum(span["messages"].values()) == span["wire_operations"]
    return spans


@pytest.mark.parametrize("device", ["CUDA", "CUDA:PTX"])
def test_tinygrad_steps(
    driver: Driver, python: str, tinygrad_environment: dict[str, str], tmp_path: Path, device: str
) -> None:
    """An elementwise operation is one message, a training step six, and only its result is waited for."""
    environment = tinygrad_environment | {"DEV": device}
    elementwise, step, other_step, loss = _counted(driver, python, "counted_tinygrad", tmp_path, environment)
    assert (elementwise["messages"], elementwise["round_trips"]) == ({"launch": 1}, 0)
    for one in (step, other_step):
        # tinygrad gives five of the graph's kernels their buffers again, whether they have changed or not.
        assert one["messages"] == {"graph_node": 5, "cuGraphLaunch": 1}
        assert one["round_trips"] == 0
    # tinygrad synchronises before it copies.
    assert (loss["messages"], loss["round_trips"]) == ({"wait": 1, "copy_to_host": 1}, 2)


def test_replay_of_a_captured_graph(driver: Driver, python: str, tmp_path: Path) -> None:
    """However many kernels it holds."""
    try:
        importlib.metadata.version("cuda-bindings")
    except importlib.metadata.PackageNotFoundError:
        missing("cuda-bindings")
    replay, three = _counted(driver, python, "counted_graph", tmp_path, {"PYTHONPATH": ""})
    assert (replay["messages"], replay["round_trips"]) == ({"cuGraphLaunch": 1}, 0)
    assert (three["messages"], three["round_trips"]) == ({"cuGraphLaunch": 3, "wait": 1}, 1)


def test_a_triton_matmul(driver: Driver, python: str, triton_environment: dict[str, str], tmp_path: Path) -> None:
    """A launch is one message, and its result one more, which is waited for."""
    launched, fetched = _counted(driver, python, "counted_triton", tmp_path, triton_environment)
    assert (launched["messages"], launched["round_trips"]) == ({"launch": 1}, 0)
    assert (fetched["messages"], fetched["round_trips"]) == ({"launch": 1, "copy_to_host": 1}, 1)
