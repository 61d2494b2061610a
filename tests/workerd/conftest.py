"""A workerd of its own for each test, on emulated GPUs, with an agent's connection to it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from workerd.speaker import PATIENCE_S, Greeted, Session, emulated_uuid, sign_ticket, uuid_text

MIB = 1 << 20


def processes_of_group(group: int) -> list[str]:
    """The status lines of a group's processes, without those that are dead but not yet buried by init."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            line = path.read_text()
            state, _, process_group = line.rpartition(")")[2].split()[:3]
            if int(process_group) == group and state not in "ZX":
                found.append(line)
    return found


class Node:
    """A workerd, what tests need to open sessions at it, and its agent's connection."""

    def __init__(
        self,
        native: Path,
        *,
        insecure: bool = False,
        linger_s: int = 60,
        grace_s: int = 30,
        gpus: int = 2,
        tcp: str = "127.0.0.1:0",
        prefix: Sequence[str] = (),
        more: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
        fault: str = "",
    ) -> None:
        self.name = f"node-{secrets.token_hex(4)}"
        self.key = secrets.token_bytes(32)
        self.state = Path(tempfile.mkdtemp(prefix="gpool-test-"))
        self.uuids = [emulated_uuid(self.name, index) for index in range(gpus)]
        self.command = [
            *prefix,
            str(native / "bin" / "gpool-workerd"),
            *("--node", self.name, "--state", str(self.state), "--driver", str(native / "emulator")),
            *("--tcp", tcp, "--linger", str(linger_s), "--grace", str(grace_s)),
            *(["--insecure"] if insecure else []),
            *more,
        ]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GPOOL_", "CUDA_"))},
            "GPOOL_LOG": "info",
            "GPOOL_EMULATOR_NODE": self.name,
            "GPOOL_EMULATOR_GPUS": str(gpus),
            "GPOOL_EMULATOR_MEMORY": str(512 * MIB),
            "GPOOL_EMULATOR_FAULT": fault,
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._agents: list[Agent] = []

    def start(self) -> None:
        """Starts workerd and waits for its first words."""
        with (self.state / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdout=subprocess.PIPE, stderr=log, start_new_session=True
            )
        assert self.process.stdout is not None
        words = self.process.stdout.readline().decode().split()
        assert words, self.log()
        assert words[0] == "ready"
        self.tcp = words[1].removeprefix("tcp=")

    def log(self) -> str:
        """What workerd and its workers have logged."""
        return (self.state / "log").read_text()

    def wait_for_text(self, text: str) -> None:
        """Returns when workerd or one of its workers has logged `text`."""
        deadline = time.monotonic() + PATIENCE_S
        while text not in self.log():
            assert time.monotonic() < deadline, f"nobody logged {text!r}:\n{self.log()}"
            time.sleep(0.01)

    def agent(self, *, greet: bool = True) -> Agent:
        """A connection to the control socket; with `greet`, key and GPUs are told."""
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(PATIENCE_S)
        connection.connect(str(self.state / "control.sock"))
        agent = Agent(connection)
        self._agents.append(agent)
        if greet:
            agent.send(f"key {self.key.hex()}")
            assert agent.expect("ready")["tcp"] == self.tcp
            agent.send("gpus " + ",".join(map(uuid_text, self.uuids)))
        return agent

    def ticket(
        self, lease: str = "l-test", memory: int = 64 * MIB, gpus: tuple[int, ...] = (0,), **more: object
    ) -> bytes:
        """A good ticket, unless `more` makes it a bad one."""
        values: dict[str, object] = {"key": self.key, "node": self.name, "lease": lease, **more}
        vgpus = values.pop("vgpus", [(self.uuids[index], memory, 1000) for index in gpus])
        return sign_ticket(vgpus=vgpus, **values)  # type: ignore[arg-type]

    def open(self, ticket: bytes = b"", greeting: bytes | None = None) -> Session:
        """Opens a session over TCP."""
        return Session.open(self.tcp, ticket, greeting)

    def greet(self, ticket: bytes = b"") -> Greeted:
        """The first half of `open`: the client has said who it is, and nobody has answered yet."""
        return Greeted.connect(self.tcp, ticket)

    def wait_for_end(self) -> int:
        """workerd's exit code."""
        assert self.process is not None
        return self.process.wait(PATIENCE_S)

    def stop_agents(self) -> None:
        """Closes the control connections."""
        for agent in self._agents:
            agent.close()
        self._agents.clear()

    def stop(self) -> None:
        """Ends everything and removes the folder."""
        self.stop_agents()
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()
                try:
                    self.process.wait(PATIENCE_S)
                except subprocess.TimeoutExpired:
                    os.killpg(self.process.pid, signal.SIGKILL)
                    self.process.wait(PATIENCE_S)
                    raise
            assert self.process.stdout is not None
            self.process.stdout.close()
            left = processes_of_group(self.process.pid)
            assert not left, f"a worker or the zygote has outlived workerd: {left}"
        shutil.rmtree(self.state, ignore_errors=True)


class Agent:
    """The agent's side of the control socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._file = connection.makefile("rw", encoding="utf-8", newline="\n")

    def close(self) -> None:
        """Ends the connection."""
        self._file.close()
        self._connection.close()

    def send(self, line: str) -> None:
        """One line to workerd."""
        self._file.write(line + "\n")
        self._file.flush()

    def receive(self) -> tuple[str, dict[str, str]]:
        """The next line: its word and its values."""
        line = self._file.readline()
        assert line.endswith("\n"), "workerd has closed the control connection"
        word, _, rest = line.strip().partition(" ")
        values: dict[str, str] = {}
        while rest := rest.lstrip():
            name, _, rest = rest.partition("=")
            if rest.startswith('"'):
                values[name], end = json.JSONDecoder().raw_decode(rest)
                rest = rest[end:]
            else:
                values[name], _, rest = rest.partition(" ")
        return word, values

    def expect(self, word: str, **wanted: str) -> dict[str, str]:
        """Reads until a line has this word and these values."""
        while True:
            seen, values = self.receive()
            if seen == word and wanted.items() <= values.items():
                return values

    def status(self) -> list[tuple[str, dict[str, str]]]:
        """The answer to `status`, without its end."""
        self.send("status")
        lines = []
        while (line := self.receive())[0] != "end":
            lines.append(line)
        return lines


@pytest.fixture
def start(native: Path) -> Iterator[Callable[..., Node]]:
    """Starts nodes; they end with the test."""
    nodes: list[Node] = []

    def one(**settings: object) -> Node:
        node = Node(native, **settings)  # type: ignore[arg-type]
        nodes.append(node)
        node.start()
        return node

    yield one
    for node in nodes:
        node.stop()


@pytest.fixture
def node(start: Callable[..., Node]) -> Node:
    """A node that wants tickets."""
    return start()
