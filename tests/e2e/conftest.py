"""A pool of two nodes on this machine, with everything real: controller, agents, workerd, emulated GPUs.

Needs the native files: of the installed package, or of a build tree that GPOOL_NATIVE names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "cli"))

from gpool_home import GpoolHome

from gpool.hardware.native_files import native_folder

NEEDED = ("client/libcuda.so.1", "emulator/libcuda.so.1", "bin/gpool-workerd")


@pytest.fixture(scope="module")
def pool() -> Iterator[GpoolHome]:
    """A user whose pool of two nodes, with one emulated GPU of 2 GiB each, is running."""
    native = Path(native_folder())
    missing = [name for name in NEEDED if not (native / name).exists()]
    if missing:
        pytest.skip(f"{native} lacks {', '.join(missing)}; build them, and set GPOOL_NATIVE")
    with TemporaryDirectory(prefix="gpool-e2e-") as folder:
        home = GpoolHome(Path(folder), native)
        try:
            up = home("up", "--emulate", "1", "--emulate-memory", "2GiB", "--nodes", "2", "--port", "0")
            assert up.returncode == 0, up.stderr
            yield home
        finally:
            down = home("down")
            assert (down.returncode, down.stderr) == (0, "")
            assert home.processes() == []
            assert [path.name for path in (home.runtime / "gpool").iterdir()] == ["up.lock"]
