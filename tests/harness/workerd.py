"""A `gpool-workerd` on emulated GPUs, started for tests and ended with them."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

__all__ = ["ControlLine", "Workerd", "WorkerdError"]

_PATIENCE_S = 20.0
"""How long anything may take before the test fails; an upper bound of a wait, never a pause."""


class WorkerdError(AssertionError):
    """workerd did not do what it promises; the text ends with what it printed."""


@dataclass(frozen=True)
class ControlLine:
    """One line from workerd: `session id=12 state=open` has word `session` and two values."""

    word: str
    values: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, line: str) -> ControlLine:
        """Splits at blanks outside quotes; quoted values are JSON strings. Raises ValueError on anything else."""
        word, _, rest = line.strip().partition(" ")
        values: dict[str, str] = {}
        while rest := rest.lstrip():
            name, equals, rest = rest.partition("=")
            if not equals:
                raise ValueError(f"no '=' after {name!r} in the line {line!r}")
            if rest.startswith('"'):
                value, end = json.JSONDecoder().raw_decode(rest)
                values[name], rest = value, rest[end:]
            else:
                values[name], _, rest = rest.partition(" ")
        return cls(word, values)


class Workerd:
    """Context manager: a running workerd with `--insecure`, its addresses, and its control connection.

    Its folder lies directly in the temporary folder: the path of a unix socket holds 107 bytes.
    """

    def __init__(
        self,
        native: Path,
        environment: dict[str, str] | None = None,
        driver: Path | None = None,
        *,
        grace_s: int = 30,
        tcp: str = "127.0.0.1:0",
    ) -> None:
        """`driver` is the folder of the libcuda.so.1 that the workers use; without it, the emulated GPU's."""
        self.node = f"test-{secrets.token_hex(4)}"
        self.state = Path(tempfile.mkdtemp(prefix="gpool-test-"))
        self.log = self.state / "log"
        self.unix_path = ""
        self.tcp = ""
        self._native = native
        self._options = ("--tcp", tcp, "--grace", str(grace_s))
        self._driver = driver or native / "emulator"
        self._environment = {
            **os.environ,
            "GPOOL_EMULATOR_NODE": self.node,
            "GPOOL_LOG": "info",
            **(environment or {}),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._received = b""

    def __enter__(self) -> Workerd:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Process id of workerd itself."""
        assert self._process is not None
        return self._process.pid

    def _start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    str(self._native / "bin" / "gpool-workerd"),
                    *("--node", self.node, "--state", str(self.state), "--driver", str(self._driver)),
                    *(*self._options, "--linger", "10", "--insecure"),
                ],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._control = self._connect(self.state / "control.sock")
        self.send(f"key {secrets.token_hex(32)}")
        ready = self.wait_for("ready")
        self.tcp, self.unix_path = ready.values["tcp"], ready.values["unix"]

    def _connect(self, path: Path) -> socket.socket:
        """Tries until the socket answers, workerd ends, or patience does. A crash is seen at once."""
        deadline = time.monotonic() + _PATIENCE_S
        ended = os.pidfd_open(self.pid)
        try:
            while time.monotonic() < deadline:
                control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                try:
                    control.connect(str(path))
                except OSError:
                    control.close()
                else:
                    return control
                if select.select([ended], [], [], 0.01)[0]:
                    raise self._failure("workerd ended before it was ready")
        finally:
            os.close(ended)
        raise self._failure(f"workerd did not open {path} within {_PATIENCE_S:.0f} s")

    def send(self, line: str) -> None:
        """Sends one control line."""
        assert self._control is not None
        self._control.sendall(line.encode() + b"\n")

    def receive(self) -> ControlLine:
        """The next control line. Raises `WorkerdError` when none comes."""
        assert self._control is not None
        self._control.settimeout(_PATIENCE_S)
        while b"\n" not in self._received:
            try:
                piece = self._control.recv(65536)
            except TimeoutError:
                raise self._failure("workerd said nothing more") from None
            if not piece:
                raise self._failure("workerd closed its control connection")
            self._received += piece
        line, _, self._received = self._received.partition(b"\n")
        return ControlLine.parse(line.decode())

    def wait_for(self, word: str) -> ControlLine:
        """The next line that begins with `word`; others before it are dropped."""
        while True:
            line = self.receive()
            if line.word == word:
                return line

    def open_sessions(self) -> list[ControlLine]:
        """The sessions that are open now."""
        self.send("status")
        sessions: dict[str, ControlLine] = {}
        while (line := self.receive()).word != "end":
            if line.word == "session":
                sessions[line.values["id"]] = line
        return [line for line in sessions.values() if line.values["state"] == "open"]

    def wait_until_idle(self) -> None:
        """Returns when no session is open; workerd reports each end by itself. Raises `WorkerdError` when one stays."""
        waiting = {line.values["id"] for line in self.open_sessions()}
        while waiting:
            line = self.wait_for("session")
            if line.values["state"] == "closed":
                waiting.discard(line.values["id"])

    def text(self) -> str:
        """What workerd and its workers have logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for_text(self, text: str) -> None:
        """Returns when workerd or one of its workers has logged `text`."""
        deadline = time.monotonic() + _PATIENCE_S
        while text not in self.text():
            if time.monotonic() > deadline:
                raise self._failure(f"nobody logged {text!r}")
            time.sleep(0.01)

    def _failure(self, sentence: str) -> WorkerdError:
        return WorkerdError(f"{sentence}; its log says:\n{self.text()[-4000:]}")

    def _end(self) -> None:
        """Asks workerd to end, insists after a while, and removes its folder. Its workers are in its process group."""
        process, self._process = self._process, None
        try:
            if process is not None:
                with contextlib.suppress(OSError):
                    self.send("quit")
                try:
                    process.wait(_PATIENCE_S)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait(_PATIENCE_S)
                    raise self._failure("workerd did not end when it was told to quit") from None
        finally:
            if self._control is not None:
                self._control.close()
            shutil.rmtree(self.state, ignore_errors=True)
