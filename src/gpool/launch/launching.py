"""What `gpool run` does, from the request to the exit code.

find the command ─▶ ask for a lease ─▶ wait, and say for what ─▶ fork the keeper ─▶ run the command ─▶ let the keeper go
"""

from __future__ import annotations

import contextlib
import os
import pwd
import select
import shlex
import signal
import socket
import sys
from collections.abc import Iterator
from typing import Any

from gpool.errors import (
    GpoolError,
)
from gpool.hardware.host import boot_id
from gpool.hardware.native_files import client_folder
from gpool.launch.api_client import ApiClient
from gpool.launch.asking import Wish
from gpool.launch.broker import BROKER_SOCKET, bind_broker
from gpool.launch.command import find_command
from gpool.launch.environment import command_environment
from gpool.launch.front import ALARM, run_command
from gpool.launch.granting import check_transport, wait_for_grant
from gpool.launch.holding import Holding
from gpool.launch.keeper import INTERRUPTED, start_keeper
from gpool.launch.late_holding import LateHolding
from gpool.paths import runtime_folder

__all__ = ["WARNING_SIGNALS", "broker_socket", "launch", "request_of", "tell"]

LONGEST_SOCKET_PATH = 107  # sun_path holds 108 bytes, one of them zero
KEEPER_PATIENCE_S = 35  # a release asks for up to ten seconds, and looks for a leader for up to twenty
TEXT_LIMIT = 1000  # of what the API takes for information

WARNING_SIGNALS = {
    "TERM": signal.SIGTERM,
    "INT": signal.SIGINT,
    "USR1": signal.SIGUSR1,
    "USR2": signal.SIGUSR2,
    "none": None,
}
"""By `--warn-signal`."""


class SignalArrivedError(Exception):
    """A signal asked us to end before the command was started."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def tell(sentence: str) -> None:
    """One line on stderr. A reader that has gone does not matter."""
    with contextlib.suppress(OSError, ValueError):
        print(f"gpool: {sentence}", file=sys.stderr, flush=True)  # noqa: T201


def launch(wish: Wish, arguments: list[str], api: ApiClient) -> int:
    """Run the command `arguments` on a lease that fulfils `wish`; returns the exit code for `gpool run`.

    Raises `GpoolError` for gpool's own failures, always before the command was started and with the lease given back.
    """
    path = find_command(arguments[0], os.environ.get("PATH") or os.defpath)
    libraries = client_folder()
    with _Interruptions() as interruptions:
        if wish.on_use:
            interruptions.end()
            late = LateHolding(
                api,
                request_of(wish, arguments),
                transport=wish.transport,
                timeout_s=wish.timeout_s,
                own_host_id=boot_id(),
                tell=tell,
            )
            return _run(late, wish, path, arguments, libraries, *broker_socket(), interruptions.mask)
        holding = None
        try:
            # Not to be interrupted in between, or a lease would exist whose id nobody knows.
            with interruptions.deferred():
                lease = api.post("/leases", request_of(wish, arguments))
                holding = Holding(api, lease["id"], transport=wish.transport, own_host_id=boot_id(), tell=tell)
            wait_for_grant(api, lease, holding, wish.timeout_s)
            check_transport(holding, wish.transport)
            # From here on signals are the front's business; one that has come already is delivered here.
            interruptions.end()
            folder, listener = broker_socket()
        except BaseException as error:
            interruptions.end()
            if holding is not None:
                _give_back(holding)
            if isinstance(error, SignalArrivedError):
                return 128 + error.number
            raise
        return _run(holding, wish, path, arguments, libraries, folder, listener, interruptions.mask)


def request_of(wish: Wish, arguments: list[str]) -> dict[str, Any]:
    """The body that asks for a lease for the command `arguments`."""
    try:
        user = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # containers often run under a number that has no name
        user = str(os.getuid())
    return {
        **wish.request,
        "command": _information(shlex.join(arguments)),
        "host": _information(socket.gethostname()),
        "user": _information(user),
    }


def _information(text: str) -> str:
    """`text` as the API takes it: bounded, and valid Unicode whatever bytes the arguments hold."""
    return text.encode(errors="replace").decode()[:TEXT_LIMIT]


class _Interruptions:
    """While entered, the signals that end us raise `SignalArrivedError`, unless within `deferred()` or after `end()`.

    After `end()` they are blocked until the process ends: the front takes them from the queue.
    `mask` is the signal mask before, which the command is to have.
    """

    def __init__(self) -> None:
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._ending = [
            number
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            if signal.getsignal(number) is not signal.SIG_IGN  # nohup, or `&` in a script: stay deaf
        ]
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> _Interruptions:
        for number in self._ending:
            self._before[number] = signal.signal(number, self._interrupt)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            # What still waits came when nothing could be interrupted any more: ignoring it throws it away.
            signal.signal(number, signal.SIG_IGN)
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def _interrupt(self, number: int, frame: object) -> None:
        raise SignalArrivedError(number)

    @contextlib.contextmanager
    def deferred(self) -> Iterator[None]:
        signal.pthread_sigmask(signal.SIG_BLOCK, self._ending)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def end(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, self._ending)


def _give_back(holding: Holding) -> None:
    try:
        holding.release()
    except GpoolError as error:
        tell(
            f"{holding.called} could not be given back: {str(error).rstrip('.')}; "
            "it ends by itself when it is not renewed"
        )


def broker_socket() -> tuple[str, socket.socket]:
    """A new folder with the broker's socket in it, listening."""
    name = f"run-{os.getpid()}-{os.urandom(3).hex()}"
    folder = os.path.join(runtime_folder(), name)
    if len(os.fsencode(folder)) + len("/broker.sock") > LONGEST_SOCKET_PATH:
        folder = f"/tmp/gpool-{os.getuid()}-{name}"
    try:
        os.mkdir(folder, 0o700)
    except OSError as error:
        raise GpoolError(f"the folder {folder!r} for the broker cannot be made ({error.strerror})") from error
    try:
        return folder, bind_broker(os.path.join(folder, BROKER_SOCKET))
    except GpoolError:
        os.rmdir(folder)
        raise


def _run(
    holding: Holding,
    wish: Wish,
    path: str,
    arguments: list[str],
    libraries: str,
    folder: str,
    listener: socket.socket,
    mask: set[int | signal.Signals],
) -> int:
    front = os.getpid()
    warning = WARNING_SIGNALS[wish.warn_signal or "TERM"]
    if warning is not None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {ALARM})
        holding.alarm = lambda: os.kill(front, ALARM) if os.getppid() == front else None
    try:
        keeper, lifeline = start_keeper(holding, listener, folder)
    except (GpoolError, OSError) as error:
        _give_back(holding)
        if isinstance(error, OSError):
            raise GpoolError(f"the process that is to renew the lease cannot be made ({error.strerror})") from error
        raise
    keeper_lives = True

    def other_child_ended(pid: int) -> None:
        nonlocal keeper_lives
        if pid == keeper:
            keeper_lives = False
            tell(f"the process that renews {holding.called} has died; the lease ends when it expires")

    def interrupted() -> None:
        with contextlib.suppress(OSError):
            os.write(lifeline, INTERRUPTED)

    environment = command_environment(
        os.environ,
        client_folder=libraries,
        broker=os.path.join(folder, BROKER_SOCKET),
        lease_id=holding.lease_id or None,
    )
    try:
        return run_command(
            path, arguments, environment, mask, other_child_ended, interrupted, keeper=keeper, warning=warning
        )
    finally:
        os.close(lifeline)
        if keeper_lives:
            _wait_for(keeper)
        # Should it have come after the command had ended: it would end us, once it is let through.
        while signal.sigtimedwait({ALARM}, 0) is not None:
            pass


def _wait_for(keeper: int) -> None:
    """Until the keeper has given the lease back: its own waits are bounded, and so is this one."""
    descriptor = os.pidfd_open(keeper)
    try:
        if not select.select([descriptor], [], [], KEEPER_PATIENCE_S)[0]:
            os.kill(keeper, signal.SIGKILL)
    finally:
        os.close(descriptor)
    os.waitpid(keeper, 0)
