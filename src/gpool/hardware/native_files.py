"""The native files that come with gpool: our drivers, the emulator, workerd. On the path of `gpool run`."""

from __future__ import annotations

import os

from gpool.errors import GpoolError

__all__ = [
    "NATIVE_FILES",
    "client_folder",
    "emulator_folder",
    "native_folder",
    "require_native_file",
    "workerd_program",
]

NATIVE_FILES = (
    "client/libcuda.so.1",
    "client/libcuda.so",
    "client/libnvidia-ml.so.1",
    "emulator/libcuda.so.1",
    "bin/gpool-workerd",
)
"""What a complete installation has, relative to `native_folder()`."""


def native_folder() -> str:
    """The folder of the native files: GPOOL_NATIVE, or the one inside the installed package."""
    chosen = os.environ.get("GPOOL_NATIVE", "")
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    return os.path.abspath(chosen) if chosen else os.path.join(package, "native")


def require_native_file(name: str) -> str:
    """The full path of one of `NATIVE_FILES`. Raises `GpoolError` when it is not there."""
    path = os.path.join(native_folder(), name)
    if not os.path.exists(path):
        raise GpoolError(
            f"the native file {path!r} is missing; install gpool again, or set GPOOL_NATIVE to a folder that has it"
        )
    return path


def client_folder() -> str:
    """The folder to put in front of a program's library path. Raises `GpoolError` when our driver is not in it."""
    return os.path.dirname(require_native_file("client/libcuda.so.1"))


def emulator_folder() -> str:
    """The folder that makes workerd use emulated GPUs. Raises `GpoolError` when the emulator is not in it."""
    return os.path.dirname(require_native_file("emulator/libcuda.so.1"))


def workerd_program() -> str:
    """The program `gpool-workerd`. Raises `GpoolError` when it is missing."""
    return require_native_file("bin/gpool-workerd")
