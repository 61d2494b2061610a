"""PyTorch runs to the end. In a dry run its kernels are skipped, so no number that they compute is looked at: what is
looked at are copies, errors, names, and what a training step costs on the wire."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from harness.drivers import Driver

_BODIES = Path(__file__).parent / "bodies"
_PATIENCE_S = 600.0


def _run(driver: Driver, body: str, *arguments: str, extra: dict[str, str] | None = None) -> str:
    return driver.run([sys.executable, str(_BODIES / body), *arguments], _PATIENCE_S, extra).strip()


def test_the_device_says_that_it_is_a_dry_run(driver: Driver) -> None:
    """Import, queries and the allocator's statistics; the name tells everybody what results are worth."""
    assert _run(driver, "queries.py").startswith("Emulated GPU (dry run) 1")


def test_streams_and_events(driver: Driver) -> None:
    """Order between streams, elapsed times, priorities."""
    assert _run(driver, "streams_events.py") == "streams and events agree"


@pytest.mark.parametrize("workers", ["none", "fork", "spawn"])
def test_a_pinned_data_loader(driver: Driver, workers: str) -> None:
    """Batches reach the device through pinned memory and come back unchanged, whoever made them."""
    assert _run(driver, "pinned_loader.py", workers) == f"96 rows came back unchanged, workers: {workers}"


def test_out_of_memory_is_an_exception(driver: Driver) -> None:
    """The caching allocator fills the device, raises, and goes on."""
    assert _run(driver, "out_of_memory.py") == "went on after CUDA out of memory"


def test_graphs_are_captured_and_replayed(driver: Driver) -> None:
    """A replay is one wire operation."""
    wanted = "0.0" if driver.workerd is None else "1.0"
    assert _run(driver, "graphs.py") == f"replays cost {wanted} wire operations"


def test_layers_of_every_library(driver: Driver) -> None:
    """cuBLAS, cuBLASLt, cuDNN, cuSPARSE and PyTorch's own kernels, forwards and backwards."""
    assert _run(driver, "layers.py") == "every layer ran to the end"


def test_compiled_functions(driver: Driver, tmp_path: Path) -> None:
    """torch.compile; Triton's kernels have PTX, so their numbers are looked at."""
    where = {"TORCHINDUCTOR_CACHE_DIR": str(tmp_path), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    where |= {"TRITON_CACHE_DIR": str(tmp_path / "triton"), "TRITON_DEFAULT_FP_FUSION": "1"}
    assert _run(driver, "compiled.py", extra=where) == "compiled functions agree with the CPU"


def test_mixed_precision(driver: Driver) -> None:
    """Autocast and a gradient scaler."""
    assert _run(driver, "mixed_precision.py") == "the scaler went through three steps"


def test_the_allocator(driver: Driver) -> None:
    """Statistics, the limit of a process, pools, expandable segments."""
    nvml = "none" if driver.workerd is None else "nvml"
    assert _run(driver, "memory.py", nvml) == "the allocator's numbers agree"


def test_the_profiler_sees_the_cpu(driver: Driver) -> None:
    """CUPTI cannot look into the device; it says so and the program goes on."""
    assert _run(driver, "profiled.py") == "profiled what the CPU did"


def test_processes(driver: Driver) -> None:
    """A spawned process has a session of its own; a forked one is told that it cannot use the parent's, and a
    tensor that it cannot leave."""
    assert _run(driver, "processes.py") == "spawned processes computed, the forked one and the tensor were refused"


# Wire operations and round trips that one training step may cost: what PyTorch itself launches, sets, copies and waits
# for. AdamW tensor by tensor launches 416 kernels more, and autocast casts weights and activations.
_BUDGETS = {
    ("foreach", "float32"): (240, 3),
    ("fused", "float32"): (240, 3),
    ("foreach", "bfloat16"): (300, 4),
    ("loop", "float32"): (660, 3),
}


@pytest.mark.parametrize(("optimizer", "precision"), _BUDGETS, ids=[" ".join(one) for one in _BUDGETS])
def test_what_a_gpt_training_step_costs(driver: Driver, optimizer: str, precision: str) -> None:
    """4 layers, width 256, 2 x 64 tokens, AdamW; steps in the steady state."""
    told = json.loads(_run(driver, "gpt_step.py", optimizer, precision))
    assert told["device"] == "Emulated GPU (dry run)"
    most_operations, most_round_trips = _BUDGETS[optimizer, precision]
    assert len(told["steps"]) == 3
    for operations, round_trips in told["steps"]:
        assert operations <= most_operations
        assert round_trips <= most_round_trips
        assert (operations > 0) == (driver.workerd is not None)
