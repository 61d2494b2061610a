"""The demo: a pool of two nodes on this machine, and a network that trains on it in a process that owns no GPU.

Starts a controller and two nodes on loopback, each with one emulated GPU (or one node with this machine's NVIDIA GPUs,
where there are any), trains `digits/train.py` through `gpool run` over TCP, shows what `gpool smi` says meanwhile and
afterwards, compares the training with the same one on NumPy, and takes everything down again, however it ends.
"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

DIGITS = Path(__file__).parent / "digits"
EPOCHS = 30
SHOW_AT_EPOCH = 8  # by then the numbers of the nodes' last reports are in
WANTED_ACCURACY = 0.95
GPOOL = str(Path(sys.executable).parent / "gpool")

BOLD, DIM, PLAIN = ("\033[1m", "\033[2m", "\033[0m") if sys.stdout.isatty() else ("", "", "")


def say(sentence: str) -> None:
    """A heading between the outputs of the commands."""
    print(f"\n{BOLD}{sentence}{PLAIN}", flush=True)


def stop(sentence: str) -> NoReturn:
    """Ends the demo as failed; what it started is still taken down."""
    raise SystemExit(f"demo: {sentence}")


@contextlib.contextmanager
def private_folders() -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder for all state, and the environment that makes gpool use it instead of the user's own."""
    home = Path(tempfile.mkdtemp(prefix="gpool-demo-"))
    try:
        environment = dict(os.environ)
        for variable in ("GPOOL_API", "GPOOL_TOKEN", "GPOOL_BROKER", "GPOOL_ENDPOINTS", "LD_LIBRARY_PATH"):
            environment.pop(variable, None)
        for variable, folder in (
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_RUNTIME_DIR", "run"),
            ("XDG_CACHE_HOME", "cache"),
        ):
            (home / folder).mkdir(mode=0o700)
            environment[variable] = str(home / folder)
        environment["PYTHONUNBUFFERED"] = "1"
        yield home, environment
    finally:
        with ignoring_interrupts():
            end_everything_of(home)
            shutil.rmtree(home, ignore_errors=True)


def processes_of(home: Path) -> dict[int, str]:
    """Processes (id and command) other than this one that were started with the demo's folders in their environment."""
    mark = f"XDG_STATE_HOME={home}".encode()
    found: dict[int, str] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes():
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
                if command:  # a process that has ended and is not yet reaped has none
                    found[int(entry.name)] = command
    return found


def wait_until_gone(home: Path, seconds: float) -> dict[int, str]:
    """Waits for the demo's processes to end; returns those that are still there."""
    deadline = time.monotonic() + seconds
    while (left := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


def end_everything_of(home: Path) -> None:
    """The net below `gpool down`: whatever is left is told to end, and then made to."""
    for number, seconds in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
        for pid in processes_of(home):
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        if not wait_until_gone(home, seconds):
            return


def gpool(environment: dict[str, str], *arguments: str, shown: bool = True) -> str:
    """Runs a gpool command; its output is shown and returned. Ends the demo when it fails."""
    if shown:
        print(f"{DIM}$ gpool {shlex.join(arguments)}{PLAIN}", flush=True)
    done = subprocess.run(
        [GPOOL, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, timeout=120
    )
    if shown:
        print(done.stdout, end="", flush=True)
    if done.returncode != 0:
        stop(f"`gpool {shlex.join(arguments)}` ended with {done.returncode}")
    return done.stdout


def has_nvidia_gpu() -> bool:
    """Whether NVIDIA's driver is loaded and shows a GPU."""
    gpus = Path("/proc/driver/nvidia/gpus")
    return gpus.is_dir() and any(gpus.iterdir())


@contextlib.contextmanager
def pool(environment: dict[str, str]) -> Iterator[None]:
    """A running pool: two nodes with emulated GPUs, or one that offers this machine's own."""
    nodes = () if has_nvidia_gpu() else ("--nodes", "2", "--emulate", "1")
    try:
        gpool(environment, "up", *nodes, "--port", "0")
        yield
    finally:
        say("Taking the pool down")
        with ignoring_interrupts():
            subprocess.run([GPOOL, "down"], env=environment, stdin=subprocess.DEVNULL, timeout=60, check=False)


@contextlib.contextmanager
def ignoring_interrupts() -> Iterator[None]:
    """A second Ctrl-C must not stop the cleaning up, which is short and bounded."""
    before = {
        number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def choice_of_compiler() -> dict[str, str]:
    """tinygrad's own variables. NVRTC makes the quicker kernels for the emulated GPU; it comes from PyPI.

    Its PTX may be too new for the driver of a real GPU; there tinygrad writes older PTX itself.
    """
    if has_nvidia_gpu():
        return {"DEV": "CUDA:PTX"}
    libraries = sorted((Path(sysconfig.get_paths()["platlib"]) / "nvidia" / "cu13" / "lib").glob("libnvrtc.so.*"))
    if not libraries:
        stop("NVRTC is missing; `make demo` installs it (dependency group `demo` of pyproject.toml)")
    return {"DEV": "CUDA", "NVRTC_PATH": str(libraries[0])}


def train(environment: dict[str, str], losses: Path) -> None:
    """Runs the training on the pool; shows its lines as they come, and the pool once while it runs."""
    arguments = [
        *("run", "--transport", "tcp", "--timeout", "30s", "--"),
        *("python", str(DIGITS / "train.py"), "--epochs", str(EPOCHS), "--losses", str(losses)),
    ]
    print(f"{DIM}$ gpool {shlex.join(arguments)}{PLAIN}", flush=True)
    environment = environment | choice_of_compiler()
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    with subprocess.Popen(
        [GPOOL, *arguments], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        try:
            for line in running.stdout:
                print(f"  {line}", end="", flush=True)
                if line.split()[:2] == ["epoch", f"{SHOW_AT_EPOCH}/{EPOCHS}"]:
                    print()
                    gpool(environment, "smi")
                    print(flush=True)
        except BaseException:
            running.terminate()  # the launcher passes it on and gives the lease back
            with ignoring_interrupts(), contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(10)
            if running.returncode is None:
                running.kill()
            raise
    if running.returncode != 0:
        stop(f"the training ended with {running.returncode}")


def wait_until_no_lease(environment: dict[str, str]) -> None:
    """The lease is gone when its node has confirmed that the program's sessions are."""
    deadline = time.monotonic() + 15
    while leases := json.loads(gpool(environment, "ps", "--json", shown=False)):
        if time.monotonic() > deadline:
            stop(f"the lease {leases[0]['id']} is still there, {leases[0]['state']}, 15 s after its program ended")
        time.sleep(0.1)


def compare(environment: dict[str, str], losses: Path) -> None:
    """Trains the same network on NumPy and compares every step's loss."""
    done = subprocess.run(
        [sys.executable, str(DIGITS / "reference.py"), str(losses)],
        env=environment | {"OMP_NUM_THREADS": "1"},  # the matrices are small; threads would only wait for each other
        stdin=subprocess.DEVNULL,
        timeout=300,
    )
    if done.returncode != 0:
        stop("the losses are not those of NumPy")


def demonstrate() -> None:
    began = time.monotonic()
    with private_folders() as (home, environment):
        losses = home / "losses.json"
        with pool(environment):
            say("Training on the pool, over TCP; this process owns no GPU")
            started = time.monotonic()
            train(environment, losses)
            trained_s = time.monotonic() - started
            say("The program has ended, and with it its lease")
            wait_until_no_lease(environment)
            gpool(environment, "smi")
            say("The same training on NumPy")
            compare(environment, losses)
            result = json.loads(losses.read_text())
        left = wait_until_gone(home, 10)
        if left:
            stop("still running: " + "; ".join(f"{pid} ({command})" for pid, command in left.items()))
        if result["accuracy"] < WANTED_ACCURACY:
            stop(f"held-out accuracy {result['accuracy']:.1%} is below {WANTED_ACCURACY:.0%}")
        say(
            f"Done in {time.monotonic() - began:.0f} s: {len(result['losses'])} steps in {trained_s:.0f} s, "
            f"held-out accuracy {result['accuracy']:.1%}, the losses of NumPy, no process left."
        )
        print("Next: `.venv/bin/gpool up`, then `.venv/bin/gpool run -- YOUR PROGRAM`; README.md tells more.")


def main() -> None:
    """Ends in order on Ctrl-C and when told to end."""

    def end(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        demonstrate()
    except KeyboardInterrupt:
        print("\ndemo: interrupted; everything that it had started is gone", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
