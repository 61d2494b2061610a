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

from gpool.errors import GpoolError
from gpool.launch.broker import BROKER_SOCKET, Broker
from gpool.launch.holding import Holding

__all__ = ["start_keeper"]


def start_keeper(holding: Holding, listener: socket.socket, folder: str, renew_every_s: float) -> tuple[int, int]:
    """Fork the keeper. Returns its process id and the lifeline: closing that descriptor makes it release and end.

    The caller must have no other threads. `folder` holds the broker's socket; the keeper removes it at the end.
    """
    ear, lifeline = os.pipe()
    pid = os.fork()
    if pid:
        os.close(ear)
        listener.close()
        return pid, lifeline
    status = 1
    try:
        _detach(keep=(2, ear, listener.fileno()))
        _keep(holding, listener, ear, renew_every_s)
        status = 0
    finally:
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(folder, BROKER_SOCKET))
        with contextlib.suppress(OSError):
            os.rmdir(folder)
        os._exit(status)


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


def _keep(holding: Holding, listener: socket.socket, ear: int, renew_every_s: float) -> None:
    over = threading.Event()

    def renewals() -> None:
        while not over.wait(renew_every_s):
            if not holding.keep():
                return

    broker = Broker(listener, holding.answer)
    broker.start()
    threading.Thread(target=renewals, name="renewals", daemon=True).start()
    os.read(ear, 1)  # nothing is ever written: it returns when `gpool run` has ended or has closed the lifeline
    over.set()
    broker.close()
    try:
        holding.release()
    except GpoolError as error:
        holding.tell(
            f"lease {holding.lease_id} could not be given back: {str(error).rstrip('.')}; "
            "it ends by itself when it is not renewed"
        )
