"""Homes for `gpool`, and one pool that the tests of a file share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from gpool_home import GpoolHome


def _home() -> Iterator[GpoolHome]:
    # Not tmp_path: a socket's path must be short.
    with TemporaryDirectory(prefix="gpool-cli-") as folder:
        home = GpoolHome(Path(folder))
        yield home
        home("down")
        assert home.processes() == []


@pytest.fixture
def home() -> Iterator[GpoolHome]:
    """A user whose pool is not running."""
    yield from _home()


@pytest.fixture(scope="module")
def pool() -> Iterator[GpoolHome]:
    """A user whose pool of two nodes, with one emulated GPU of 2 GiB each, is running."""
    for home in _home():
        up = home("up", "--emulate", "1", "--emulate-memory", "2GiB", "--nodes", "2", "--port", "0")
        assert up.returncode == 0, up.stderr
        yield home
