"""Our drivers in a process that has started already."""

from __future__ import annotations

import ctypes
import os
from collections.abc import MutableMapping

from gpool.errors import Conflict
from gpool.launch.environment import command_environment

__all__ = ["check_not_in_use", "enter_environment", "load_drivers"]

NAMES = ("libcuda.so", "libnvidia-ml.so")
NOT_INITIALISED = 3  # CUDA_ERROR_NOT_INITIALIZED


def check_not_in_use(client_folder: str) -> None:
    """Return if a lease can still become the GPUs of this process. Raises `Conflict`.

    It cannot when another driver is loaded (whoever asks for `libcuda.so.1` would get that one), or when ours has been
    initialised on another lease.
    """
    own = os.path.realpath(client_folder)
    for path in _mapped():
        if os.path.basename(path).startswith(NAMES) and os.path.dirname(os.path.realpath(path)) != own:
            raise Conflict(
                f"CUDA is in use in this process already, through {path}; "
                "call gpool.acquire() before anything uses CUDA, or start the program with `gpool run`"
            )
    if any(os.path.basename(path).startswith(NAMES[0]) for path in _mapped()):
        driver = ctypes.CDLL(os.path.join(client_folder, "libcuda.so.1"))
        if driver.cuDeviceGetCount(ctypes.byref(ctypes.c_int())) != NOT_INITIALISED:
            raise Conflict(
                "CUDA is in use in this process already, on another lease; "
                "acquire all GPUs at once, or start another process (in a notebook: restart the kernel)"
            )


def load_drivers(client_folder: str) -> None:
    """Load our CUDA driver and NVML for everybody in this process. Raises `Conflict` when they cannot be loaded."""
    # By the full path: the loader then knows them by the names under which frameworks ask for them.
    for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
        try:
            ctypes.CDLL(os.path.join(client_folder, name), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise Conflict(f"gpool's driver cannot be loaded into this process: {error}") from error


def enter_environment(
    environment: MutableMapping[str, str], client_folder: str, broker: str, lease_id: str | None
) -> dict[str, str | None]:
    """Let `environment` say where the lease is, also to processes that are started later; returns what was there."""
    wanted = command_environment(environment, client_folder=client_folder, broker=broker, lease_id=lease_id)
    # numba asks for libcuda.so without a number, which is another name to the loader.
    wanted["NUMBA_CUDA_DRIVER"] = os.path.join(client_folder, "libcuda.so.1")
    before: dict[str, str | None] = {}
    for name in {*environment, *wanted}:
        if environment.get(name) != wanted.get(name):
            before[name] = environment.get(name)
            if name in wanted:
                environment[name] = wanted[name]
            else:
                del environment[name]
    return before


def _mapped() -> list[str]:
    with open("/proc/self/maps") as maps:
        return sorted({line.split(maxsplit=5)[5].rstrip("\n") for line in maps if line.count("/") and ".so" in line})
