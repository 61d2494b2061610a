"""Emulated GPUs as the control plane names them; the emulator's own tests hold the same values."""

from __future__ import annotations

import pytest

from gpool.errors import InvalidInput
from gpool.hardware.emulated import EmulatedGpus, emulated_pci_bus_id, emulated_uuid


def test_names_follow_the_rule() -> None:
    # echo -n gpool-emulated-gpu:node-a:0 | sha256sum
    assert emulated_uuid("node-a", 0) == "GPU-2e274cbd-f3ea-a93b-4f44-241282cd266f"
    assert emulated_uuid("node-b", 0) != emulated_uuid("node-a", 0)
    assert [emulated_pci_bus_id(index) for index in (0, 15)] == ["0000:01:00.0", "0000:10:00.0"]


def test_the_emulator_is_told_the_same() -> None:
    source = EmulatedGpus("node-a", 3, 1 << 30)
    gpus = source.gpus()
    assert [gpu.index for gpu in gpus] == [0, 1, 2]
    assert {gpu.memory_bytes for gpu in gpus} == {1 << 30}
    environment = source.environment()
    assert environment["GPOOL_EMULATOR_GPUS"] == "3"
    assert environment["GPOOL_EMULATOR_MEMORY"] == str(1 << 30)
    assert environment["GPOOL_EMULATOR_NODE"] == "node-a"
    assert environment["GPOOL_EMULATOR_CAPABILITY"] == gpus[0].capability
    assert environment["GPOOL_EMULATOR_NAME"] == gpus[0].name


def test_a_dry_run_shows_in_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert EmulatedGpus("node-a", 1).environment()["GPOOL_EMULATOR_DRY_RUN"] == "0"
    monkeypatch.setenv("GPOOL_EMULATOR_DRY_RUN", "all")
    source = EmulatedGpus("node-a", 1)
    assert source.gpus()[0].name == "Emulated GPU (dry run)"
    # The emulator adds the words itself.
    assert source.environment()["GPOOL_EMULATOR_NAME"] == "Emulated GPU"
    assert source.environment()["GPOOL_EMULATOR_DRY_RUN"] == "all"


@pytest.mark.parametrize("count", [-1, 0, 65])
def test_a_count_that_cannot_be(count: int) -> None:
    with pytest.raises(InvalidInput, match=f"{count} emulated GPUs cannot be"):
        EmulatedGpus("node-a", count)
