"""An agent as a real process, with a scripted workerd in place of the real one."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

from scripted_controller import PATIENCE_S

SOURCE = Path(__file__).parents[2] / "src"
SCRIPT = Path(__file__).with_name("scripted_workerd.py")


class AgentProcess:
    """`gpool agent` on a node called `node-t`, with its folders under `folder`."""

    def __init__(self, folder: Path, join: str) -> None:
        self.state = folder / "node"
        self.state.mkdir(mode=0o700)
        native = folder / "native"
        for name in ("client", "emulator", "bin"):
            (native / name).mkdir(parents=True)
        for name in ("client/libcuda.so.1", "emulator/libcuda.so.1"):
            (native / name).touch()
        workerd = native / "bin" / "gpool-workerd"
        workerd.write_text(f"#!{sys.executable}\n{SCRIPT.read_text()}")
        workerd.chmod(0o755)
        self.native = native
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GPOOL")},
            "PYTHONPATH": str(SOURCE),
            "GPOOL_NATIVE": str(native),
            "GPOOL_TOKEN": "node-token",
            "XDG_RUNTIME_DIR": str(folder),
            "XDG_STATE_HOME": str(folder),
        }
        self.words = ["--join", join, "--name", "node-t", "--state", str(self.state)]
        self.words += ["--emulate", "2", "--emulate-memory", "1GiB"]
        self.stderr = folder / "stderr"
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, *more: str) -> None:
        # A file, not a pipe: workerd inherits it and lives on.
        with self.stderr.open("wb") as stderr:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gpool", "agent", *self.words, *more),
                env=self.environment,
                stdin=asyncio.subprocess.DEVNULL,
                stderr=stderr,
            )

    async def wait(self) -> int:
        """Wait for the agent to end; its exit code."""
        assert self.process is not None
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def end(self) -> tuple[int, str]:
        """Wait for the agent to end by itself: exit code and stderr."""
        return await self.wait(), self.stderr.read_text()

    async def stop(self) -> int:
        """SIGTERM, and the exit code."""
        assert self.process is not None
        self.process.terminate()
        return await self.wait()

    async def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        await self.wait()

    # The scripted workerd

    def starts(self) -> list[dict[str, Any]]:
        """How workerd was started, each time."""
        path = self.state / "starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def heard(self) -> list[str]:
        """Every line that workerd heard."""
        return (self.state / "heard").read_text().splitlines()

    def happens(self, *lines: str) -> None:
        """Let something happen at workerd."""
        with socket.socket(socket.AF_UNIX) as steer:
            steer.connect(str(self.state / "steer.sock"))
            steer.sendall("".join(f"{line}\n" for line in lines).encode())

    def workerd_lives(self) -> bool:
        return any(_is_workerd(start["pid"]) for start in self.starts())

    def clean_up(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
        for start in self.starts():
            if _is_workerd(start["pid"]):
                os.kill(start["pid"], signal.SIGKILL)


def _is_workerd(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    return "Name:\tgpool-workerd" in status and "State:\tZ" not in status
