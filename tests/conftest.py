"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

# What is started in the background of a script, or under nohup, ignores these, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGQUIT, signal.SIG_DFL)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def native() -> Path:
    """The folder with our native files: GPOOL_NATIVE, or what the installed package brought along."""
    chosen = os.environ.get("GPOOL_NATIVE")
    if chosen:
        folder = Path(chosen).absolute()
    else:
        import gpool

        folder = Path(gpool.__file__).parent / "native"
    wanted = ("client/libcuda.so.1", "emulator/libcuda.so.1", "bin/gpool-workerd")
    absent = [name for name in wanted if not (folder / name).exists()]
    if absent:
        pytest.fail(
            f"{folder} lacks {', '.join(absent)}; run `make install`, or set GPOOL_NATIVE to a folder that has them"
        )
    return folder
