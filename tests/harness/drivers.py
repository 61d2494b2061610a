"""The three ways from a program to the emulated GPU: its driver directly, and ours over shared memory and over TCP."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.workerd import Workerd

__all__ = ["DRIVERS", "Driver", "DriverName"]

DriverName = Literal["emulator", "shm", "tcp"]
DRIVERS: tuple[DriverName, ...] = ("emulator", "shm", "tcp")

# What a developer's shell may hold must not decide which driver a test reaches.
_NOT_INHERITED = (
    "CUDA_VISIBLE_DEVICES",
    "GPOOL_BROKER",
    "GPOOL_ENDPOINTS",
    "GPOOL_TRACE",
    "GPOOL_STATS",
    "LD_LIBRARY_PATH",
)


@dataclass(frozen=True)
class Driver:
    """How a program reaches the GPU: the environment that it is started with, and the workerd behind it, if any."""

    name: DriverName
    environment: dict[str, str]
    workerd: Workerd | None

    @classmethod
    def reach(cls, name: DriverName, native: Path, workerd: Workerd, node: str, folder: Path | None = None) -> Driver:
        """The driver called `name`. `node` names the emulated GPU of programs that use it directly; `folder` holds
        another libcuda.so.1 that they use instead of it.
        """
        environment = {key: value for key, value in os.environ.items() if key not in _NOT_INHERITED}
        if name == "emulator":
            environment |= {"LD_LIBRARY_PATH": str(folder or native / "emulator"), "GPOOL_EMULATOR_NODE": node}
            return cls(name, environment, None)
        endpoint = f"unix:{workerd.unix_path}" if name == "shm" else f"tcp:{workerd.tcp}"
        environment |= {"LD_LIBRARY_PATH": str(native / "client"), "GPOOL_ENDPOINTS": endpoint}
        return cls(name, environment, workerd)

    def run(self, command: list[str], timeout_s: float, extra: dict[str, str] | None = None) -> str:
        """Runs a program to its end and returns what it printed. Fails the test when it fails or takes longer."""
        environment = self.environment | (extra or {})
        try:
            done = subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout_s,
            )
        except subprocess.TimeoutExpired as late:
            raise AssertionError(
                f"{command[0]} over {self.name} did not end within {timeout_s:.0f} s; it had printed {late.stdout!r} "
                f"and {late.stderr!r}{self._worker_log()}"
            ) from None
        if done.returncode != 0:
            raise AssertionError(
                f"{command[0]} over {self.name} ended with {done.returncode}:\n{done.stdout[-4000:]}\n"
                f"{done.stderr[-4000:]}{self._worker_log()}"
            )
        return done.stdout

    def _worker_log(self) -> str:
        return f"\nworkerd's log:\n{self.workerd.text()[-4000:]}" if self.workerd else ""
