"""The keeper: a process beside the command that renews the lease, serves the broker and gives the lease back.

It is a process of its own, in a session of its own, for two reasons. A command that the user stops with ^Z stops
`gpool run` with it, and its lease must outlive the pause. And however `gpool run` ends, SIGKILL included, the keeper
sees the other end of a pipe close and gives the lease back at once. Only when the keeper dies too must it expire.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable

from gpool.errors import GpoolError
from gpool.launch.broker import BROKER_SOCKET, Broker
from gpool.launch.holding import Holding

__all__ = ["INTERRUPTED", "keep", "start_keeper"]

INTERRUPTED = b"i"
"""Written to the lifeline when the user has pressed ^C."""


def start_keeper(holding: Holding, listener: socket.socket, folder: str) -> tuple[int, int]:
    """Fork the keeper; returns when it serves. Its process id, and the lifeline: closing that makes it release and end.

    The caller must have no other threads. `folder` holds the broker's socket; the keeper removes it at the end.
    Raises `GpoolError` when the keeper died at its start; the caller still holds the lease then.
    """
    ear, lifeline = os.pipe()
    hears_ready, says_ready = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ear)
        os.close(says_ready)
        listener.close()
        ready = os.read(hears_ready, 1)  # ends at the latest with the keeper
        os.close(hears_ready)
        if not ready:
            os.close(lifeline)
            os.waitpid(pid, 0)
            raise GpoolError("the process that is to renew the lease has died at its start; is memory short?")
        return pid, lifeline
    status = 1
    try:
        _detach(keep=(2, ear, says_ready, listener.fileno()))
        _keep(holding, listener, folder, ear, says_ready)
        status = 0
    finally:
        _remove(folder)
        os._exit(status)


def _remove(folder: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(os.path.join(folder, BROKER_SOCKET))
    with contextlib.suppress(OSError):
        os.rmdir(folder)


def _detach(keep: tuple[int, ...]) -> None:
    """Out of reach of the terminal's signals, and holding none of the files that the caller of gpool handed on."""
    os.setsid()
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
        signal.SIGHUP,
        signal.SIGQUIT,
        signal.SIGUSR1,
        signal.SIGUSR2,
        signal.SIGPIPE,
    ):
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.chdir("/")
    for name in os.listdir("/proc/self/fd"):
        if int(name) not in keep:
            with contextlib.suppress(OSError):  # the listing names its own descriptor
                os.close(int(name))
    while (null := os.open(os.devnull, os.O_RDWR)) < 2:
        pass
    os.close(null)


def _keep(holding: Holding, listener: socket.socket, folder: str, ear: int, says_ready: int) -> None:
    def ready() -> None:
        os.write(says_ready, b".")
        os.close(says_ready)

    keep(holding, listener, folder, ear, ready)


def keep(holding: Holding, listener: socket.socket, folder: str, ear: int, ready: Callable[[], None]) -> None:
    """Renew, serve and watch until `ear` ends, and give the lease back then. `ready` is called when all is served."""
    over = threading.Event()

    def renewals() -> None:
        holding.granted.wait()  # a daemon's wait: it ends with the process
        while not over.wait(holding.rest_s()):
            holding.warn_when_due()
            if not holding.keep():
                return

    broker = Broker(listener, holding.answer)
    broker.start()
    threading.Thread(target=renewals, name="renewals", daemon=True).start()
    ready()
    # It ends when `gpool run` has ended, or has closed the lifeline.
    while os.read(ear, 1) == INTERRUPTED:
        holding.interrupt()
    over.set()
    broker.close()
    # Before the lease is given back: who sees that it is, finds nothing of us.
    _remove(folder)
    try:
        holding.release()
    except GpoolError as error:
        holding.tell(
            f"{holding.called} could not be given back: {str(error).rstrip('.')}; "
            "it ends by itself when it is not renewed"
        )
