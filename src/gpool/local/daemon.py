"""One process in the background: started with a log, remembered by a pid file, stopped in order."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from gpool.errors import CannotStart

__all__ = ["Daemon", "process_is", "stop_process"]

KEPT_LOG_BYTES = 10 << 20
TAIL_BYTES = 8192


class Daemon:
    """The background process `name`: its pid file and its log need not exist yet."""

    def __init__(self, name: str, pid_file: Path, log_file: Path) -> None:
        self.name = name
        self.pid_file = pid_file
        self.log_file = log_file

    def start(self, command: list[str], environment: Mapping[str, str]) -> None:
        """Start it apart from the terminal, its output going to the log. Raises `CannotStart`."""
        try:
            self.log_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if self.log_file.exists() and self.log_file.stat().st_size > KEPT_LOG_BYTES:
                self.log_file.replace(self.log_file.with_suffix(".log.1"))
            with self.log_file.open("ab") as log:
                self._log_from = log.tell()
                process = subprocess.Popen(
                    command,
                    env=dict(environment),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    cwd="/",
                )
            # With its start time: process ids are used again.
            self.pid_file.write_text(f"{process.pid} {_started_at(process.pid)}\n")
        except OSError as error:
            raise CannotStart(f"{self.name} cannot be started ({error.strerror or error})") from error
        # Not waited for here: it outlives us. Popen would warn about that at its collection.
        process.returncode = 0

    _log_from = 0

    def pid(self) -> int | None:
        """Its process id while it lives."""
        try:
            pid, started_at = self.pid_file.read_text().split()
        except (OSError, ValueError):
            return None
        return int(pid) if pid.isdecimal() and process_is(int(pid), started_at) else None

    def stop(self, grace_s: float) -> bool:
        """End it with SIGTERM, after `grace_s` seconds with SIGKILL. False when it had to be killed."""
        pid = self.pid()
        orderly = pid is None or stop_process(pid, grace_s)
        with contextlib.suppress(FileNotFoundError):
            self.pid_file.unlink()
        return orderly

    def last_words(self, lines: int = 10) -> list[str]:
        """The last lines of its log since this start."""
        try:
            with self.log_file.open("rb") as log:
                end = log.seek(0, os.SEEK_END)
                log.seek(max(self._log_from, end - TAIL_BYTES))
                return log.read().decode(errors="replace").splitlines()[-lines:]
        except OSError:
            return []


def process_is(pid: int, started_at: str) -> bool:
    """Whether the process `pid` lives, is no zombie, and started at that time (clock ticks since boot)."""
    return _started_at(pid) == started_at and bool(started_at)


def _started_at(pid: int) -> str:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    # The name in parentheses may hold anything; fields are counted from behind it.
    fields = text.rpartition(")")[2].split()
    return "" if fields[0] in ("Z", "X") else fields[19]


def stop_process(pid: int, grace_s: float) -> bool:
    """SIGTERM, then SIGKILL after `grace_s` seconds; returns when the process has ended, True when in order."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGTERM)
        # A pidfd is readable when its process has ended, also one that is not our child.
        if select.select([descriptor], [], [], grace_s)[0]:
            return True
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        select.select([descriptor], [], [], grace_s)
        return False
    finally:
        os.close(descriptor)
