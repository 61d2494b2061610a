"""gpool-workerd as the agent sees it: started, adopted, told what to do, listened to, started again when it dies.

workerd is started in a session of its own and outlives the agent, so that an agent can be restarted or updated under
running programs; the next agent finds it through `control.sock` and adopts it.

    down ──start or adopt──▶ greeting (revoke, key, gpus, status) ──ready──▶ up ──connection lost──▶ down
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog

from gpool.agent.control_lines import ControlLine, parse_control_line
from gpool.agent.ledger import WorkerdLedger
from gpool.errors import CannotStart

__all__ = ["Workerd", "WorkerdSettings"]

START_PATIENCE_S = 20.0
READY_PATIENCE_S = 20.0
LIST_PATIENCE_S = 1.0
STOP_PATIENCE_S = 10.0
REAP_PATIENCE_S = 2.0
POLL_S = 0.02  # between looks at a socket that is about to appear
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 10.0
STEADY_S = 30.0  # workerd that has lived this long did not die of how it was started
LONGEST_LINE = 1 << 20
NOT_INHERITED = ("CUDA_VISIBLE_DEVICES", "GPOOL_BROKER", "GPOOL_ENDPOINTS", "GPOOL_LEASE", "GPOOL_TOKEN")

log = structlog.get_logger(__name__)


class WorkerdSettings:
    """How workerd is to be run. Two agents with equal settings may hand a running workerd to each other."""

    def __init__(self, command: list[str], environment: dict[str, str], state: Path) -> None:
        self.command = command
        self.environment = environment
        self.state = state

    def fingerprint(self) -> str:
        """Everything, to be compared with that of a running workerd."""
        return json.dumps({"command": self.command, "environment": self.environment}, sort_keys=True)

    def serves_as_well(self, fingerprint: str) -> bool:
        """Whether a workerd with that fingerprint may go on serving until it is idle.

        A newer gpool is somewhere else on the disk and may give more options; the node, its GPUs and its address are
        the same.
        """
        try:
            known = json.loads(fingerprint)
            theirs = _options(known["command"]), known["environment"]
        except (ValueError, KeyError, TypeError):
            return False
        return theirs == (_options(self.command), self.environment)


def _options(command: list[str]) -> dict[str, str]:
    """Those that make one workerd unfit to stand in for another."""
    given = dict(zip(command[1::2], command[2::2], strict=False))
    options = {name: str(given.get(name, "")) for name in ("--node", "--state", "--tcp", "--driver")}
    # Which driver: the system's, or the emulated one of whichever installation.
    options["--driver"] = Path(options["--driver"]).name
    return options


class Workerd:
    """Keeps a workerd running. `run` is the task; everything else may be called while it runs.

    changed: called when sessions, addresses or what is in force have changed.
    """

    def __init__(self, node: str, settings: WorkerdSettings, changed: Callable[[], None]) -> None:
        self.ledger = WorkerdLedger(node)
        self.tcp: str | None = None
        self.unix_path: str | None = None
        self.adopted_leases: set[str] = set()
        self._settings = settings
        self._outdated = False
        """Whether the workerd that serves was started with settings that are no longer ours."""
        self._replacing = False
        self._changed = changed
        self._key: str | None = None
        self._gpus: tuple[str, ...] = ()
        self._revoked: dict[str, None] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._greeted = False
        self._when_listed: list[Callable[[], None]] = []
        self._when_listed_next: list[Callable[[], None]] = []
        self._listing = False
        self._startable = asyncio.Event()
        self._stopping = False
        self._disconnected = asyncio.Event()

    # What the agent wants of it.

    def equip(self, key: str, gpus: Iterable[str]) -> None:
        """The node's key (hexadecimal) and the UUIDs that tickets may name. The first time makes workerd startable."""
        gpus = tuple(gpus)
        if key != self._key:
            self._key = key
            self._send(f"key {key}")
        if gpus != self._gpus:
            self._gpus = gpus
            self._send(f"gpus {','.join(gpus)}")
        self._startable.set()

    def revoke(self, leases: Iterable[str], done: Callable[[], None]) -> None:
        """Have the sessions of `leases` ended and their tickets refused; `done` is called when that is in force.

        That the sessions are gone is known when they have left the ledger.
        """
        for lease in leases:
            if lease not in self._revoked:
                self._revoked[lease] = None
                self._send(f"revoke {lease}")
        # workerd takes lines in order: when it answers `status`, it has taken the revocations before it. While none is
        # up, this waits for the next: a node whose state is in force is one that programs can be sent to.
        self._ask_status(done)

    def forget_revoked(self, still_revoked: set[str]) -> None:
        """Keep only those revocations for a later workerd whose tickets may still be within their time."""
        self._revoked = {lease: None for lease in self._revoked if lease in still_revoked}

    def replace_outdated(self) -> None:
        """No lease is on the node: a workerd that an agent with other settings started makes room for ours."""
        if self._outdated and self._greeted and not self.ledger.sessions:
            log.info("replacing the idle workerd of an earlier agent")
            self._outdated = False
            self._replacing = True
            self._send("quit")

    async def refresh(self) -> None:
        """Have workerd tell everything again, and wait for that for a moment."""
        if not self._greeted:
            return
        listed = asyncio.Event()
        self._ask_status(listed.set)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIST_PATIENCE_S):
                await listed.wait()

    # Its life.

    async def run(self) -> None:
        """Keep it running until cancelled or stopped. Raises `CannotStart` when it never came up at all."""
        await self._startable.wait()
        pause_s = FIRST_PAUSE_S
        ever_ready = False
        while not self._stopping:
            started_at = time.monotonic()
            try:
                await self._once()
                ever_ready = True
            except CannotStart as error:
                if self._stopping:
                    return
                if not ever_ready:
                    raise
                log.error("workerd cannot be started again", reason=str(error))
            if self._stopping:
                return
            if self._replacing:
                self._replacing = False
                continue
            if time.monotonic() - started_at > STEADY_S:
                pause_s = FIRST_PAUSE_S
            log.warning("workerd has ended; its sessions are gone; starting it again", pause_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, LONGEST_PAUSE_S)

    async def _once(self) -> None:
        """From the start or adoption of one workerd to the loss of its connection."""
        reader = await self._connect()
        try:
            await self._greet(reader)
            while line := await self._next_line(reader):
                self._take(line)
        finally:
            self._down()
        await self._reap()

    async def _connect(self) -> asyncio.StreamReader:
        control = str(self._settings.state / "control.sock")
        remembered = self._settings.state / "workerd.settings"
        fingerprint = self._settings.fingerprint()
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_unix_connection(control, limit=LONGEST_LINE)
            known = _read_text(remembered)
            self._outdated = known not in (None, fingerprint)
            if known is None or not self._outdated or self._settings.serves_as_well(known):
                self._writer = writer
                log.info("adopting the workerd that runs already", until="it is idle" if self._outdated else "it ends")
                return reader
            log.warning("the workerd that runs already was started with other settings; its sessions end")
            writer.write(b"quit\n")
            await _drained(reader, writer)
        self._outdated = False
        remembered.write_text(fingerprint)
        self._spawn()
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            with contextlib.suppress(OSError):
                reader, self._writer = await asyncio.open_unix_connection(control, limit=LONGEST_LINE)
                return reader
            process = self._process
            if process is not None and process.poll() is not None:
                raise CannotStart(
                    f"gpool-workerd ended at its start with code {process.returncode}; what it said stands above"
                )
            if time.monotonic() > deadline:
                self._kill()
                raise CannotStart(f"gpool-workerd did not open {control!r} within {START_PATIENCE_S:g} seconds")
            await asyncio.sleep(POLL_S)

    def _spawn(self) -> None:
        # Of an agent that was itself started under `gpool run`, or by somebody who hides devices from programs.
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
        try:
            self._process = subprocess.Popen(
                self._settings.command,
                env={**inherited, **self._settings.environment},
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        except OSError as error:
            raise CannotStart(f"{self._settings.command[0]!r} cannot be executed ({error.strerror})") from error
        log.info("started workerd", pid=self._process.pid)

    async def _greet(self, reader: asyncio.StreamReader) -> None:
        # The key comes first by the protocol. Without `gpus` no ticket fits, so the revocations are in time.
        self._send(f"key {self._key}")
        for lease in self._revoked:
            self._send(f"revoke {lease}")
        self._send(f"gpus {','.join(self._gpus)}")
        try:
            async with asyncio.timeout(READY_PATIENCE_S):
                while (line := await self._next_line(reader)) and line.kind != "ready":
                    self._take(line)
                if line is None:
                    raise CannotStart("gpool-workerd closed its control socket instead of getting ready")
                self._ready(line)
                self._list()
                while self._listing:
                    line = await self._next_line(reader)
                    if line is None:
                        return
                    self._take(line)
        except TimeoutError as error:
            self._kill()
            raise CannotStart(f"gpool-workerd was not ready within {READY_PATIENCE_S:g} seconds") from error
        self._greeted = True
        self.adopted_leases = self.ledger.leases_with_sessions()
        log.info("workerd is ready", tcp=self.tcp, unix=self.unix_path, sessions=len(self.ledger.sessions))
        self._changed()

    def _ready(self, line: ControlLine) -> None:
        tcp = line.values.get("tcp", "")
        self.tcp = None if tcp in ("", "off", "-") else tcp
        self.unix_path = line.values.get("unix") or str(self._settings.state / "workerd.sock")

    def _take(self, line: ControlLine) -> None:
        if line.kind == "ready":
            self._ready(line)
            self._changed()
            return
        if line.kind == "error":
            log.warning("workerd refuses a line", detail=line.values.get("detail", ""))
            return
        try:
            changed = self.ledger.apply(line)
        except ValueError as error:
            log.warning("workerd said something unintelligible", reason=str(error))
            return
        if line.kind == "session" and line.values.get("state") == "closed":
            log.info("session closed", **{k: v for k, v in line.values.items() if k != "state"})
        if changed:
            self._changed()
        if line.kind == "end":
            self._listed()

    async def _next_line(self, reader: asyncio.StreamReader) -> ControlLine | None:
        """The next line that can be understood; None when the connection is lost."""
        while True:
            try:
                raw = await reader.readline()
            except (OSError, ValueError):  # ValueError: a line without an end
                return None
            if not raw:
                return None
            try:
                return parse_control_line(raw.decode(errors="replace"))
            except ValueError as error:
                log.warning("workerd said something unintelligible", reason=str(error))

    def _ask_status(self, done: Callable[[], None]) -> None:
        """Ask for a complete list; `done` is called at its end. One list at a time, or their lines would mingle."""
        self._when_listed_next.append(done)
        if self._greeted and not self._listing:
            self._list()

    def _list(self) -> None:
        self._listing = True
        self._when_listed, self._when_listed_next = self._when_listed_next, []
        self.ledger.begin_status()
        self._send("status")

    def _listed(self) -> None:
        self._listing = False
        for done in self._when_listed:
            done()
        self._when_listed = []
        if self._when_listed_next:
            self._list()

    def _send(self, line: str) -> None:
        if self._writer is not None:
            self._writer.write(f"{line}\n".encode())

    def _down(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._writer = None
        self._disconnected.set()
        self._greeted = False
        self.tcp = self.unix_path = None
        self.ledger.forget()
        self._when_listed_next = self._when_listed + self._when_listed_next
        self._when_listed = []
        self._listing = False
        self._changed()

    async def stop(self) -> None:
        """Orderly end: workerd quits and its sessions end. Bounded; a workerd that does not go is killed."""
        self._stopping = True
        self._startable.set()
        if self._writer is None:
            self._kill()
            return
        self._disconnected.clear()
        self._send("quit")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._disconnected.wait(), STOP_PATIENCE_S)
        await self._gone(STOP_PATIENCE_S)

    async def _reap(self) -> None:
        """After the connection was lost: see that the process is gone. One that lives on without it hangs."""
        if not await self._gone(REAP_PATIENCE_S):
            log.error("workerd closed its control socket and lived on; it was killed")

    async def _gone(self, patience_s: float) -> bool:
        """Wait until workerd has ended; kill it, and return False, when it does not within `patience_s` seconds."""
        deadline = time.monotonic() + patience_s
        while self._alive():
            if time.monotonic() > deadline:
                self._kill()
                return False
            await asyncio.sleep(POLL_S)
        return True

    def _alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._adopted_pid() is not None

    def _kill(self) -> None:
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
        elif (pid := self._adopted_pid()) is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _adopted_pid(self) -> int | None:
        """The process id in `workerd.pid`, when it still is a process of that program: ids are used again."""
        text = (_read_text(self._settings.state / "workerd.pid") or "").strip()
        name = Path(self._settings.command[0]).name
        if not text.isdecimal() or name[:15] != (_read_text(Path(f"/proc/{text}/comm")) or "").strip():
            return None
        return int(text)


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text()
    except OSError:
        return None


async def _drained(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Until the other side has closed, for at most `STOP_PATIENCE_S` seconds."""
    with contextlib.suppress(TimeoutError, OSError, ValueError):
        async with asyncio.timeout(STOP_PATIENCE_S):
            await writer.drain()
            while await reader.readline():
                pass
    writer.close()
