"""Fixtures that every room's tests may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.postgres import PostgresServer, find_postgres, postgres_server

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


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server; each test makes databases of its own in it."""
    programs = find_postgres()
    if programs is None:
        why = "no PostgreSQL here; install Debian's `postgresql`, or name the folder of its programs in GPOOL_POSTGRES"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
    with postgres_server(programs) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'gpool.db'}"
    else:
        with request.getfixturevalue("postgres").database() as url:
            yield url
