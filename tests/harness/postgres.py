"""A real PostgreSQL server for tests: a socket in a folder of its own, no network, no durability.

Debian's package, or any other whose programs are in PATH or in the folder GPOOL_POSTGRES. PostgreSQL refuses to run as
root, so root starts it as the user `postgres`, which Debian's package makes.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

__all__ = ["PostgresServer", "find_postgres", "postgres_server"]

PATIENCE_S = 60.0
PORT = 54329
SETTINGS = {
    "listen_addresses": "",
    "port": str(PORT),
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum": "off",
    "logging_collector": "off",
    "max_wal_senders": "0",
    "wal_level": "minimal",
}


def find_postgres() -> Path | None:
    """The folder of `initdb` and `postgres`, the newest version first; None when this machine has none."""
    chosen = os.environ.get("GPOOL_POSTGRES")
    folders = [Path(chosen)] if chosen else []
    packaged = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(packaged, key=lambda folder: -float(folder.parent.name))
    in_path = shutil.which("initdb")
    folders += [Path(in_path).parent] if in_path else []
    return next((folder for folder in folders if (folder / "initdb").exists() and (folder / "postgres").exists()), None)


def _as_other_user() -> list[str]:
    """The words before a command that is not to run as root, and that is to end with us, however we end."""
    setpriv = ["setpriv", "--pdeathsig", "QUIT"]
    if os.geteuid() == 0:
        setpriv += ["--reuid=postgres", "--regid=postgres", "--clear-groups"]
    return setpriv


@dataclass
class PostgresServer:
    """A running server. `folder` holds its socket."""

    folder: Path
    process: subprocess.Popen[bytes]
    _numbers: itertools.count[int] = field(default_factory=itertools.count)

    def url(self, database: str) -> str:
        """The URL of one of its databases, as `--database` takes it."""
        return f"postgresql://gpool@/{database}?host={self.folder}&port={PORT}"

    @property
    def socket(self) -> Path:
        """Its Unix socket."""
        return self.folder / f".s.PGSQL.{PORT}"

    @contextmanager
    def database(self) -> Iterator[str]:
        """A new, empty database; its URL. It is dropped at the end, whoever is still connected."""
        name = f"pool_{next(self._numbers)}"
        with self.connect("postgres") as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        try:
            yield self.url(name)
        finally:
            with self.connect("postgres") as connection:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def connect(self, database: str) -> psycopg.Connection:
        """A connection past gpool, in autocommit; a context manager that closes it."""
        return psycopg.connect(dbname=database, user="gpool", host=str(self.folder), port=PORT, autocommit=True)


@contextmanager
def postgres_server(programs: Path) -> Iterator[PostgresServer]:
    """Start a server, and end it with all that it has written."""
    folder = Path(tempfile.mkdtemp(prefix="gpool-pg-"))
    process = None
    try:
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(folder, user.pw_uid, user.pw_gid)
        data = folder / "data"
        initdb = [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "gpool", "-E", "UTF8", "--no-sync"]
        made = subprocess.run(
            [*_as_other_user(), *initdb, "--locale=C.UTF-8", "--no-instructions"],
            capture_output=True,
            text=True,
            cwd=folder,
            timeout=PATIENCE_S,
        )
        assert made.returncode == 0, made.stderr
        options = [word for name, value in SETTINGS.items() for word in ("-c", f"{name}={value}")]
        with open(folder / "log", "wb") as log:
            process = subprocess.Popen(
                [*_as_other_user(), str(programs / "postgres"), "-D", str(data), "-k", str(folder), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        server = PostgresServer(folder, process)
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                server.connect("postgres").close()
                break
            except psycopg.OperationalError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.02)
        yield server
    finally:
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # at once, and its children with it
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE_S)
        shutil.rmtree(folder, ignore_errors=True)
