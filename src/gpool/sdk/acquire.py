"""`gpool.acquire()`: GPUs of the pool for the process that asks, before it first uses CUDA."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any

from gpool.errors import Conflict, GpoolError, InvalidInput, from_problem
from gpool.hardware.native_files import client_folder
from gpool.launch.asking import WAYS, resolve
from gpool.launch.launching import request_of, tell
from gpool.sdk.loading import check_not_in_use, enter_environment, load_drivers

__all__ = ["AcquiredLease", "acquire", "current_lease"]

KEEPER_PATIENCE_S = 30.0

_current: AcquiredLease | None = None


class AcquiredLease:
    """GPUs that this process holds until `release`, the end of its `with` block, or its own end."""

    def __init__(self, keeper: subprocess.Popen[bytes], lease: dict[str, Any] | None) -> None:
        self._keeper = keeper
        self._lease = lease
        self._before: dict[str, str | None] = {}
        self.released = False
        """Whether it was given back."""

    @property
    def id(self) -> str | None:
        """Of the lease; None while a late one has not been asked for."""
        return None if self._lease is None else str(self._lease["id"])

    @property
    def vgpus(self) -> list[dict[str, Any]]:
        """Its vGPUs, in the order of the CUDA devices: `node`, `gpu_uuid`, `memory_bytes`, `compute_permille`."""
        return [] if self._lease is None else list(self._lease["vgpus"])

    def release(self) -> None:
        """Give the GPUs back. A process that has used CUDA on them gets errors from it then, and cannot use others."""
        global _current
        if self.released:
            return
        self.released = True
        _end(self._keeper)
        for name, value in self._before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        if _current is self:
            _current = None
        atexit.unregister(self.release)

    def __enter__(self) -> AcquiredLease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def __repr__(self) -> str:
        if self.released:
            return f"<lease {self.id or 'on use'}, given back>"
        where = ", ".join(f"{vgpu['node']}/{vgpu['gpu_uuid']}" for vgpu in self.vgpus)
        return f"<lease {self.id}: {where}>" if self.id else "<lease on use: asked for by the first CUDA call>"


def acquire(
    *, file: str | None = None, api: str | None = None, token: str | None = None, **wishes: Any
) -> AcquiredLease:
    """Get GPUs of the pool as the CUDA devices of this process; waits until they are granted.

    `wishes`: what `gpool run` takes as flags, with `_` for `-`: `gpus=2, memory="4GiB", timeout="5m"`;
    docs/reference/requests.md lists all. What is not said comes from the environment and from `file` (TOML or YAML).
    With `on_use=True` nothing is waited for here: the GPUs are asked for by the first CUDA call.

    To be called before CUDA is first used in the process. Raises a `GpoolError`: `Conflict` when it is too late for
    that, `InvalidInput`, `ImpossibleRequest`, `LeaseTimedOut`, `ControllerUnreachable`, …
    """
    global _current
    known = {way.argument: way.name for way in WAYS}
    unknown = next((name for name in wishes if name not in known), None)
    if unknown is not None:
        raise InvalidInput(f"acquire() has no argument '{unknown}'; there are: {', '.join(known)}, file, api, token")
    if _current is not None:
        raise Conflict(f"this process holds {_current!r} already; release it first, or acquire all GPUs at once")
    wish = resolve({known[name]: value for name, value in wishes.items()}, os.environ, file, style="{}=")
    libraries = client_folder()
    check_not_in_use(libraries)
    wanted = {
        "api": api,
        "token": token,
        "request": request_of(wish, _own_command()),
        "transport": wish.transport,
        "timeout_s": wish.timeout_s,
        "on_use": wish.on_use,
        "warn_signal": wish.warn_signal or "none",
    }
    keeper = _start(wanted)
    try:
        ready = _await(keeper)
        # Frameworks may have come in from another thread meanwhile.
        check_not_in_use(libraries)
        lease = AcquiredLease(keeper, ready["lease"])
        lease._before = enter_environment(os.environ, libraries, ready["broker"], lease.id)
        load_drivers(libraries)
    except BaseException:
        _end(keeper)
        raise
    _current = lease
    atexit.register(lease.release)
    return lease


def current_lease() -> AcquiredLease | None:
    """What this process has acquired and not given back."""
    return _current


def _own_command() -> list[str]:
    return [word for word in (sys.argv or [""]) if word] or ["python"]


def _start(wanted: dict[str, Any]) -> subprocess.Popen[bytes]:
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH", "")]))
    # A session of its own: neither ^C nor ^Z of the program's terminal reaches it. Never our drivers in front.
    keeper = subprocess.Popen(
        [sys.executable, "-m", "gpool.sdk.keeper_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
        env={**os.environ, "PYTHONPATH": path},
        start_new_session=True,
    )
    assert keeper.stdin is not None
    try:
        keeper.stdin.write(json.dumps(wanted).encode() + b"\n")
    except OSError:
        _end(keeper)
        raise GpoolError("the process that is to keep the lease has died at its start; is memory short?") from None
    return keeper


def _await(keeper: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What the keeper says when it is ready. What it tells before and later goes to stderr."""
    assert keeper.stdout is not None
    for line in keeper.stdout:
        said = json.loads(line)
        if "problem" in said:
            raise from_problem(said["problem"])
        if "ready" in said:
            threading.Thread(target=_listen, args=(keeper.stdout, tell), name="gpool", daemon=True).start()
            ready: dict[str, Any] = said["ready"]
            return ready
        tell(said.get("tell", ""))
    raise GpoolError("the process that is to keep the lease has died; is memory short?")


def _listen(stdout: IO[bytes], told: Callable[[str], None]) -> None:
    with contextlib.suppress(OSError, ValueError):
        for line in stdout:
            told(json.loads(line).get("tell", ""))


def _end(keeper: subprocess.Popen[bytes]) -> None:
    """Let it give the lease back; it has a while for that."""
    assert keeper.stdin is not None
    with contextlib.suppress(OSError):
        # A word, not the end alone: what this process has forked holds the other end as well.
        keeper.stdin.write(b"q")
        keeper.stdin.close()
    try:
        keeper.wait(KEEPER_PATIENCE_S)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
    assert keeper.stdout is not None
    keeper.stdout.close()
