"""`gpool run` as a real process, with folders of its own, against a fake controller."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from fake_controller import PATIENCE_S, FakeController

SOURCE = Path(__file__).parents[2] / "src"

ASK = """
import os, socket, sys
def ask(question=b"open version=1 pid=1 driver=0.1.0\\n"):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(os.environ["GPOOL_BROKER"])
        connection.sendall(question)
        return connection.makefile().read()
"""
"""Put before a program that asks the broker as the client driver does."""


class GpoolRun:
    """Starts `gpool run` against the fake controller."""

    def __init__(self, folder: Path, controller: FakeController) -> None:
        self.runtime = folder / "rt"
        self.runtime.mkdir(mode=0o700)
        native = folder / "native" / "client"
        native.mkdir(parents=True)
        (native / "libcuda.so.1").touch()
        self.native = native.parent
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("GPOOL", "LD_", "CUDA"))},
            "PYTHONPATH": str(SOURCE),
            "GPOOL_NATIVE": str(self.native),
            "GPOOL_API": controller.url,
            "GPOOL_TOKEN": "a-token",
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_CONFIG_HOME": str(folder / "config"),
        }
        self.started: list[subprocess.Popen[str]] = []

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gpool", "run", *words]

    def start(self, *words: str, **options: Any) -> subprocess.Popen[str]:
        """`gpool run WORDS` in the background, its streams piped."""
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        process = subprocess.Popen(self.command(*words), env=self.environment, **{**streams, **options})
        self.started.append(process)
        return process

    def __call__(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """`gpool run WORDS` to its end."""
        given = {"capture_output": True, "text": True, "timeout": PATIENCE_S, "stdin": subprocess.DEVNULL}
        if "input" in options:
            del given["stdin"]
        return subprocess.run(self.command(*words), env=self.environment, **{**given, **options})

    def python(self, program: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a Python program on a lease."""
        return self(*words, "--", sys.executable, "-c", program, **options)

    def left_overs(self) -> list[str]:
        """What lies in the runtime folder."""
        return [path.name for path in self.runtime.glob("gpool/*")]
