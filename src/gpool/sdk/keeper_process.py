"""The keeper of a lease that a Python process has acquired: `python -m gpool.sdk.keeper_process`.

On stdin: one line of JSON that says what is wanted, then nothing until the lease is to be given back (`q`, or the end).
On stdout: lines of JSON: `{"tell": sentence}`, and once `{"ready": {"broker": PATH, "lease": {…} or null}}` or
`{"problem": {…}}`, which is the end.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading

from gpool.errors import GpoolError
from gpool.hardware.host import boot_id
from gpool.launch.client_settings import client_from
from gpool.launch.keeper import keep
from gpool.launch.late_holding import LateHolding
from gpool.launch.launching import WARNING_SIGNALS, broker_socket

__all__ = ["main"]

_speaking = threading.Lock()


def _say(**words: object) -> None:
    try:
        with _speaking:
            print(json.dumps(words), flush=True)  # noqa: T201
    except (OSError, ValueError):
        pass  # who started us has gone, and so shall we


def _wanted() -> dict[str, object]:
    # Byte by byte: what comes after the line is for `keep`, which reads the descriptor.
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1)
        if not piece:
            sys.exit(0)
        line += piece
    wanted: dict[str, object] = json.loads(line)
    return wanted


def main() -> None:
    """Ask, keep, and give back."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)  # ^C is for the program
    wanted = _wanted()
    ear, broker = 0, ""
    program = os.getppid()
    try:
        holding = LateHolding(
            client_from(wanted["api"], wanted["token"]),  # type: ignore[arg-type]
            wanted["request"],  # type: ignore[arg-type]
            transport=str(wanted["transport"]),
            timeout_s=wanted["timeout_s"],  # type: ignore[arg-type]
            own_host_id=boot_id(),
            tell=lambda sentence: _say(tell=sentence),
        )
        warning = WARNING_SIGNALS[str(wanted["warn_signal"])]
        if warning is not None:
            holding.alarm = lambda: os.kill(program, warning) if os.getppid() == program else None
        if not wanted["on_use"]:
            _obtain(holding)
        folder, listener = broker_socket()
        broker = str(listener.getsockname())
        keep(holding, listener, folder, ear, lambda: _say(ready={"broker": broker, "lease": holding.lease or None}))
    except GpoolError as error:
        _say(problem=error.to_problem())


def _obtain(holding: LateHolding) -> None:
    """Wait for the grant, unless whoever wants it goes away meanwhile."""
    import select

    def still_wanted() -> None:
        if select.select([0], [], [], 0)[0]:
            raise EOFError

    try:
        holding.obtain(still_wanted)
    except EOFError:
        holding.release()
        sys.exit(0)


if __name__ == "__main__":
    main()
