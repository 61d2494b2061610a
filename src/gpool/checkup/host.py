"""Checks of this host: can programs use the pool from here, and could it be a node?"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping

from gpool.checkup.finding import Finding
from gpool.errors import GpoolError
from gpool.hardware.native_files import NATIVE_FILES, native_folder
from gpool.hardware.nvidia import NvidiaGpus
from gpool.paths import runtime_folder

__all__ = ["host_findings"]

LOAD_PATIENCE_S = 20


def host_findings(environment: Mapping[str, str] = os.environ) -> Iterator[Finding]:
    """One finding for each check of this host."""
    yield from _native_files()
    yield _zstd()
    yield _unix_sockets()
    yield _memory_files()
    yield _nvidia_driver()
    yield _library_path(environment)


def _native_files() -> Iterator[Finding]:
    folder = native_folder()
    missing = [name for name in NATIVE_FILES if not os.path.exists(os.path.join(folder, name))]
    if missing:
        remedy = "install gpool again, or set GPOOL_NATIVE to a folder that has them"
        yield Finding("fail", "native files", f"{folder} lacks {', '.join(missing)}", remedy)
    else:
        yield Finding("ok", "native files", folder)
    for name in NATIVE_FILES:
        path = os.path.join(folder, name)
        if name in missing or name == "client/libcuda.so":  # the same file under another name
            continue
        trouble = _not_executable(path) if name.startswith("bin/") else _not_loadable(path)
        if trouble:
            yield Finding("fail", name, trouble, "install the libraries that it names, or build gpool on this machine")
        else:
            yield Finding("ok", name, "can be executed" if name.startswith("bin/") else "can be loaded")


def _not_loadable(path: str) -> str:
    """Why the dynamic loader refuses the library; empty when it does not. In a process of its own: a driver stays."""
    program = "import ctypes, sys; ctypes.CDLL(sys.argv[1])"
    try:
        done = subprocess.run(
            [sys.executable, "-c", program, path],
            capture_output=True,
            text=True,
            timeout=LOAD_PATIENCE_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        return f"loading it did not end within {LOAD_PATIENCE_S} seconds"
    if done.returncode < 0:
        return f"loading it ends the process with signal {-done.returncode}"
    return done.stderr.strip().splitlines()[-1] if done.returncode else ""


def _not_executable(path: str) -> str:
    if not os.access(path, os.X_OK):
        return "it may not be executed"
    try:
        # `--help` of a program that cannot be started fails before it is read.
        done = subprocess.run(
            [path, "--help"], capture_output=True, text=True, timeout=LOAD_PATIENCE_S, stdin=subprocess.DEVNULL
        )
    except OSError as error:
        return str(error.strerror)
    except subprocess.TimeoutExpired:
        return f"it did not answer within {LOAD_PATIENCE_S} seconds"
    # 127: the dynamic loader did not find its libraries.
    return done.stderr.strip() if done.returncode == 127 else ""


def _zstd() -> Finding:
    if _not_loadable("libzstd.so.1"):
        remedy = "install it: apt install libzstd1"
        return Finding("warn", "libzstd.so.1", "is missing; kernels compressed with zstd cannot be emulated", remedy)
    return Finding("ok", "libzstd.so.1", "can be loaded")


def _unix_sockets() -> Finding:
    path = ""
    try:
        path = os.path.join(runtime_folder(), f"doctor-{os.getpid()}.sock")
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            listener.bind(path)
            listener.listen(1)
            client.connect(path)
    except (OSError, GpoolError) as error:
        remedy = "set XDG_RUNTIME_DIR to a short path on a local file system that you own"
        return Finding("fail", "unix sockets", f"cannot be used in the runtime folder ({error})", remedy)
    finally:
        if path and os.path.exists(path):
            os.unlink(path)
    return Finding("ok", "unix sockets", f"work in {os.path.dirname(path)}")


def _memory_files() -> Finding:
    try:
        os.close(os.memfd_create("gpool-doctor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING))
    except OSError as error:
        remedy = "allow memfd_create in the container's seccomp profile, or use --transport tcp"
        return Finding("warn", "shared memory", f"memfd_create fails ({error.strerror})", remedy)
    return Finding("ok", "shared memory", "memfd works")


def _nvidia_driver() -> Finding:
    real = NvidiaGpus()
    if real.why_none:
        remedy = "nothing to mend, unless this machine should be a node: then install NVIDIA's driver, or use --emulate"
        return Finding("ok", "own GPUs", f"none ({real.why_none})", remedy)
    return Finding("ok", "own GPUs", f"{len(real.gpus())}, driver {real.driver_version}")


def _library_path(environment: Mapping[str, str]) -> Finding:
    """Our driver is found through LD_LIBRARY_PATH, in front of what stands there; LD_PRELOAD comes before both."""
    preloaded = environment.get("LD_PRELOAD", "").replace(":", " ").split()
    cuda = [path for path in preloaded if "libcuda" in path or "libnvidia-ml" in path]
    if cuda:
        remedy = "unset LD_PRELOAD for programs that shall use the pool"
        return Finding("fail", "library path", f"LD_PRELOAD loads {', '.join(cuda)} before gpool's driver", remedy)
    ours = os.path.realpath(os.path.join(native_folder(), "client"))
    for folder in environment.get("LD_LIBRARY_PATH", "").split(":"):
        if folder and os.path.realpath(folder) != ours and os.path.exists(os.path.join(folder, "libcuda.so.1")):
            what = f"LD_LIBRARY_PATH has another libcuda.so.1 in {folder}"
            remedy = "`gpool run` puts its own in front; a program that sets the variable itself would find the other"
            return Finding("warn", "library path", what, remedy)
    return Finding("ok", "library path", "nothing stands before gpool's driver")
