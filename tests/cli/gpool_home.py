"""A user of `gpool` with folders of its own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

PATIENCE_S = 120.0
TESTS = Path(__file__).parents[1]


class GpoolHome:
    """Runs `gpool` commands; nothing of the machine's own user is touched.

    native: folder of the native files; without it, the scripted workerd stands in for the real one.
    """

    def __init__(self, folder: Path, native: Path | None = None) -> None:
        self.runtime = folder / "rt"
        self.runtime.mkdir(mode=0o700)
        native = native or _scripted(folder / "native")
        self.state = folder / "state"
        self.config = folder / "config"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GPOOL")},
            "PYTHONPATH": str(TESTS.parent / "src"),
            "GPOOL_NATIVE": str(native),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "XDG_STATE_HOME": str(self.state),
            "XDG_CONFIG_HOME": str(self.config),
        }

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "gpool", *words]

    def __call__(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """`gpool WORDS` to its end, with more environment."""
        return subprocess.run(
            self.command(*words),
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    def json(self, *words: str) -> Any:
        """What `gpool WORDS --json` says."""
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def hold(self, *words: str, program: str = "exec cat") -> subprocess.Popen[str]:
        """`gpool run WORDS` of a shell program that lives until its stdin ends; returns when it has its lease.

        The first line of its output, the id of the lease, is read already: `lease` of what is returned.
        """
        words = (*words, "--", "sh", "-c", f"echo $GPOOL_LEASE; {program}")
        process = subprocess.Popen(
            self.command("run", *words),
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        process.lease = process.stdout.readline().strip()  # type: ignore[attr-defined]
        return process

    def happens(self, node: str, *lines: str) -> None:
        """Let something happen at the scripted workerd of `node`."""
        with socket.socket(socket.AF_UNIX) as steer:
            steer.connect(str(self.runtime / "gpool" / node / "steer.sock"))
            steer.sendall("".join(f"{line}\n" for line in lines).encode())

    def processes(self) -> list[str]:
        """Command lines of all processes that have this home in their environment."""
        mark = f"XDG_RUNTIME_DIR={self.runtime}".encode()
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdecimal() and mark in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except OSError:
                pass  # it has ended meanwhile, or is another user's
        return found


def _scripted(native: Path) -> Path:
    """A folder of native files that are empty, but for a workerd that does what the test says."""
    for name in ("client", "emulator", "bin"):
        (native / name).mkdir(parents=True)
    for name in ("client/libcuda.so.1", "emulator/libcuda.so.1"):
        (native / name).touch()
    workerd = native / "bin" / "gpool-workerd"
    workerd.write_text(f"#!{sys.executable}\n{(TESTS / 'agent' / 'scripted_workerd.py').read_text()}")
    workerd.chmod(0o755)
    return native
