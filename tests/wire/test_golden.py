"""The bytes on the wire are those of the golden files, for the native side and for the tests' own client."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

import pytest

from workerd.speaker import handle, sign_ticket

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What this build writes."""
    build = os.environ.get("GPOOL_BUILD")
    if not build:
        pytest.skip("GPOOL_BUILD does not name a build folder with the native tests")
    folder = tmp_path_factory.mktemp("golden")
    subprocess.run([f"{build}/tests/gpool-golden", str(folder)], check=True, timeout=60)
    return {path.stem: path.read_bytes() for path in folder.iterdir()}


def test_every_struct_has_its_golden_bytes(written: dict[str, bytes]) -> None:
    golden = {path.stem: path.read_bytes() for path in GOLDEN.glob("*.bin")}
    assert written.keys() == golden.keys()
    different = [name for name in golden if written[name] != golden[name]]
    assert different == [], "the protocol has changed: raise its version in native/wire/frame.h"


def test_a_ticket_made_in_python_is_the_golden_one() -> None:
    vgpus = [(bytes(range(16 * i, 16 * i + 16)), (1 + i) << 30, 250 * (1 + i)) for i in range(2)]
    made = sign_ticket(bytes(range(32)), "node-a", "l-7k3m9q", vgpus, expires_at_s=1_700_000_600)
    golden = (GOLDEN / "ticket.bin").read_bytes()
    assert made[:72] == golden[:72]
    assert made[80:-32] == golden[80:-32]  # between them: issued at
    assert len(made) == len(golden)


def test_handles() -> None:
    golden = struct.unpack("<QQ", (GOLDEN / "Handle.bin").read_bytes())
    assert golden == (handle(1, 1), handle(18, 2**24 - 1, 2**20 - 1, 63))
