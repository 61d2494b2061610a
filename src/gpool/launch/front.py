"""The front of `gpool run`: starts the command as a child, passes signals on to it, and ends as it ends.

The command stays in our process group, so a shell's job control (^C, ^Z, fg, bg, nohup) treats both as one job.
The terminal therefore sends its signals to the command directly; what somebody sends to us alone we pass on.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import sys
from collections.abc import Callable, Mapping

__all__ = ["ALARM", "run_command"]

ALARM = signal.SIGRTMIN
"""What the keeper sends us when the command is to be warned. Nobody else's signals are heard as that."""

PASSED_ON = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGTSTP,
    signal.SIGWINCH,
    signal.SIGCONT,
)
TERMINAL_STOPS = (signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU)
PR_SET_PDEATHSIG = 1


def run_command(
    path: str,
    arguments: list[str],
    environment: Mapping[str, str],
    mask: set[int | signal.Signals],
    other_child_ended: Callable[[int], None],
    interrupted: Callable[[], None] = lambda: None,
    *,
    keeper: int = 0,
    warning: signal.Signals | None = None,
) -> int:
    """Run the file `path` with `arguments` (the first is its name) and return its exit code, 128 + n after signal n.

    `mask` is the signal mask that the command is to have. `other_child_ended` hears the process ids of our other
    children that end meanwhile, `interrupted` each ^C. `warning`: what the command gets at an `ALARM` of the process
    `keeper`; the caller has that blocked. To be called from the main thread, without other threads.
    """
    watched = {*PASSED_ON, signal.SIGCHLD, ALARM}
    # A parent may have had SIGCHLD ignored, and then there would be nothing to wait for.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, watched)
    try:
        pid = _start(path, arguments, environment, mask)
        return _attend(pid, watched, other_child_ended, interrupted, keeper, warning)
    finally:
        # What came while the command ended was for the command.
        while signal.sigtimedwait(watched, 0) is not None:
            pass
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(path: str, arguments: list[str], environment: Mapping[str, str], mask: set[int | signal.Signals]) -> int:
    libc = ctypes.CDLL(None)
    front = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        # The command must not outlive us unseen: without us nobody holds its lease. SIGTERM, not SIGKILL, leaves it
        # time to write a checkpoint. The kernel forgets this for a set-user-id program, and its children never get it.
        libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
        if os.getppid() != front:
            os._exit(128 + signal.SIGTERM)
        # Python ignores these two; what a program expects is the default.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            os.execve(path, arguments, environment)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            # A script without a `#!` line: the shell runs it, as execvp(3) does.
            os.execve("/bin/sh", ["/bin/sh", path, *arguments[1:]], environment)
    except OSError as error:
        print(f"gpool: the command {path!r} cannot be executed: {error.strerror}", file=sys.stderr, flush=True)  # noqa: T201
        os._exit(127 if error.errno == errno.ENOENT else 126)
    finally:
        os._exit(126)


def _attend(
    pid: int,
    watched: set[signal.Signals],
    other_child_ended: Callable[[int], None],
    interrupted: Callable[[], None],
    keeper: int,
    warning: signal.Signals | None,
) -> int:
    while True:
        # What has ended before is reaped first: one pending SIGCHLD may stand for several children.
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED)
            if ended == 0:
                break
            if ended != pid:
                other_child_ended(ended)
            elif os.WIFSTOPPED(status):
                _stop_too(os.WSTOPSIG(status))
            else:
                return os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
        arrived = signal.sigwaitinfo(watched)
        number = arrived.si_signo
        if number == ALARM:
            if warning is not None and arrived.si_pid == keeper:
                os.kill(pid, warning)
            continue
        if number == signal.SIGINT:
            interrupted()
        # Above zero: made by the kernel for the whole foreground group, so the command has it already.
        sent_by_somebody = arrived.si_code <= 0
        if number != signal.SIGCHLD and (sent_by_somebody or number == signal.SIGCONT):
            os.kill(pid, number)


def _stop_too(number: int) -> None:
    """The terminal has stopped the command: stop as well, so that the shell takes its terminal back.

    Not for SIGSTOP, and not without a terminal: there nobody would wake us together with the command.
    """
    if number not in TERMINAL_STOPS:
        return
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return
    os.kill(os.getpid(), signal.SIGSTOP)
