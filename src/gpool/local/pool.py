"""The pool on this machine: a controller and its agents as background processes of one user."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gpool.errors import AlreadyRunning, CannotStart, ControllerUnreachable, GpoolError, InvalidInput
from gpool.hardware.host import default_node_name
from gpool.hardware.native_files import emulator_folder, workerd_program
from gpool.launch.api_client import ApiClient
from gpool.launch.client_settings import configured_client, write_client_file
from gpool.local.daemon import Daemon, stop_process
from gpool.paths import runtime_folder, state_folder

__all__ = ["LocalPool", "PoolSettings", "RunningPool"]

START_PATIENCE_S = 60.0
POLL_S = 0.05
GRACE_S = 30.0  # an agent lets its workerd end first
WORKERD_GRACE_S = 5.0
MOST_NODES = 64


class PoolSettings(NamedTuple):
    """How a pool was or is to be started. None in a wish: not said; None in a running pool: the machine's own GPUs."""

    emulate: int | None = None
    emulate_memory_bytes: int | None = None
    nodes: int | None = None
    port: int | None = None

    def differences(self, wish: PoolSettings) -> list[str]:
        """What `wish` says that is otherwise here, as the options of `gpool up`."""
        return [
            f"--{name.removesuffix('_bytes').replace('_', '-')} {getattr(self, name) or 'not given'}"
            for name in self._fields
            # Port 0 asks for any.
            if getattr(wish, name) not in (None, getattr(self, name)) and (name, getattr(wish, name)) != ("port", 0)
        ]


class RunningPool(NamedTuple):
    """What the user should know of a pool that runs."""

    api: str
    nodes: list[dict[str, Any]]
    logs: str
    client_file: str | None
    """None when `client.toml` is about another pool and was left alone."""
    token_file: str
    already: bool
    """Whether it ran before."""


class LocalPool:
    """The pool of this user on this machine; at most one runs at a time."""

    def __init__(self) -> None:
        self._runtime = Path(runtime_folder())
        self._state = Path(state_folder())
        self._logs = self._state / "logs"
        self._record = self._runtime / "up.json"

    def up(self, wish: PoolSettings) -> RunningPool:
        """Start it, or find that it runs. Returns when its nodes are ready.

        Of a pool that runs in part, what has died is started again; running programs do not notice.
        Raises `AlreadyRunning` when it runs with other settings than `wish` says, `InvalidInput` for a wish that cannot
        be fulfilled, `CannotStart` with the last lines of a log otherwise; nothing that was new is left running then.
        """
        with self._lock():
            running = self._running_settings()
            if running is not None and any(daemon.pid() for daemon in self._daemons()):
                differences = running.differences(wish)
                if differences:
                    raise AlreadyRunning(
                        f"a pool is running on this machine already, with {', '.join(differences)}; "
                        "stop it with `gpool down` first"
                    )
                self._start(running)
                return self._describe(self._wait_until_ready(running), already=True)
            self._stop()  # what a crash has left
            settings = self._settled(wish)
            try:
                self._start(settings)
                return self._describe(self._wait_until_ready(settings), already=False)
            except BaseException:
                self._stop()
                raise

    def down(self) -> tuple[bool, list[str]]:
        """Stop all of it. Returns whether anything was running, and the names of what had to be killed."""
        with self._lock():
            was_there = any(daemon.pid() for daemon in self._daemons())
            return was_there, self._stop()

    # Starting

    def _settled(self, wish: PoolSettings) -> PoolSettings:
        """`wish` with the defaults filled in, checked as far as can be without starting anything."""
        nodes = 1 if wish.nodes is None else wish.nodes
        if not 1 <= nodes <= MOST_NODES:
            raise InvalidInput(f"--nodes {nodes} cannot be; ask for 1 to {MOST_NODES}")
        if wish.emulate is None and wish.emulate_memory_bytes is not None:
            raise InvalidInput("--emulate-memory says how large emulated GPUs are; it needs --emulate N")
        if wish.emulate is not None:
            from gpool.hardware.emulated import DEFAULT_MEMORY_BYTES, EmulatedGpus

            memory_bytes = wish.emulate_memory_bytes or DEFAULT_MEMORY_BYTES
            EmulatedGpus("node", wish.emulate, memory_bytes)
            emulator_folder()
        else:
            from gpool.hardware.nvidia import NvidiaGpus

            memory_bytes = None
            why_none = NvidiaGpus().why_none
            if why_none:
                raise CannotStart(
                    f"this machine has no GPU to offer: {why_none}; try emulated ones with `gpool up --emulate 1`"
                )
            if nodes > 1:
                raise InvalidInput("several nodes cannot share this machine's GPUs; use --nodes 1, or add --emulate N")
        workerd_program()
        return PoolSettings(wish.emulate, memory_bytes, nodes, 7070 if wish.port is None else wish.port)

    def _start(self, settings: PoolSettings) -> None:
        """Start what does not run."""
        self._record.write_text(json.dumps(settings._asdict()) + "\n")
        program = [sys.executable, "-m", "gpool"]
        environment = {name: value for name, value in os.environ.items() if name not in ("GPOOL_API", "GPOOL_TOKEN")}
        if not _installed():
            # Run from a source tree: the children need to find the package where we found it.
            source = str(Path(__file__).parents[2])
            environment["PYTHONPATH"] = os.pathsep.join(filter(None, [source, os.environ.get("PYTHONPATH", "")]))
        controller = self._daemon("controller")
        if controller.pid() is None:
            with contextlib.suppress(FileNotFoundError):
                (self._state / "controller.json").unlink()  # of a controller that was killed
            listen = ["--listen", f"127.0.0.1:{settings.port}", "--state", str(self._state), "--no-client-file"]
            controller.start([*program, "controller", *listen], environment)
        api = self._wait_for_api(controller)
        # Any port was fine; should the controller have to be started again, only this one is.
        settings = settings._replace(port=int(api.rpartition(":")[2]))
        self._record.write_text(json.dumps(settings._asdict()) + "\n")
        token = (self._state / "join.token").read_text().strip()
        for node in _node_names(settings):
            if self._daemon(f"agent-{node}").pid() is not None:
                continue
            command = [*program, "agent", "--join", api, "--name", node, "--state", str(self._runtime / node)]
            if settings.emulate is not None:
                command += ["--emulate", str(settings.emulate)]
                command += ["--emulate-memory", str(settings.emulate_memory_bytes)]
            # The token goes by the environment: everybody can read a command line.
            self._daemon(f"agent-{node}").start(command, {**environment, "GPOOL_TOKEN": token})

    def _wait_for_api(self, controller: Daemon) -> str:
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            api = self._api()
            if api is not None:
                # It serves before it leads, and makes the tokens when it does.
                with contextlib.suppress(ControllerUnreachable, FileNotFoundError):
                    self._client(api).get("/nodes")
                    return api
            self._check(controller, deadline, "answer")

    def _wait_until_ready(self, settings: PoolSettings) -> list[dict[str, Any]]:
        api = self._api()
        if api is None:
            raise CannotStart(f"the controller runs but has not said where; see {self._logs / 'controller.log'}")
        client = self._client(api)
        wanted = _node_names(settings)
        deadline = time.monotonic() + START_PATIENCE_S
        while True:
            nodes = [node for node in client.get("/nodes") if node["name"] in wanted]
            waiting = set(wanted) - {node["name"] for node in nodes if node["state"] == "ready"}
            if not waiting:
                return nodes
            self._check(self._daemon("controller"), deadline, "answer")
            for name in sorted(waiting):
                self._check(self._daemon(f"agent-{name}"), deadline, "get its node ready")

    def _check(self, daemon: Daemon, deadline: float, what: str) -> None:
        """Pause for a moment. Raises `CannotStart` when `daemon` has ended or the time is over."""
        ended = daemon.pid() is None
        if ended or time.monotonic() > deadline:
            trouble = "ended at its start" if ended else f"did not {what} within {START_PATIENCE_S:g} seconds"
            words = daemon.last_words()
            for line in words:
                print(f"{daemon.name}: {line}", file=sys.stderr)  # noqa: T201
            said = "its last lines stand above; " if words else ""
            raise CannotStart(f"{daemon.name} {trouble}; {said}all of its log is {daemon.log_file}")
        time.sleep(POLL_S)

    # Looking

    def _daemon(self, name: str) -> Daemon:
        return Daemon(name, self._runtime / f"{name}.pid", self._logs / f"{name}.log")

    def _daemons(self) -> list[Daemon]:
        """All that have a pid file, agents first: they tell the controller that their sessions are gone."""
        names = [path.stem for path in self._runtime.glob("*.pid")]
        return [self._daemon(name) for name in sorted(names, key=lambda name: (name == "controller", name))]

    def _running_settings(self) -> PoolSettings | None:
        try:
            return PoolSettings(**json.loads(self._record.read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _api(self) -> str | None:
        try:
            return str(json.loads((self._state / "controller.json").read_text())["api"])
        except (OSError, ValueError, KeyError):
            return None

    def _client(self, api: str) -> ApiClient:
        return ApiClient(api, (self._state / "admin.token").read_text().strip())

    def _describe(self, nodes: list[dict[str, Any]], *, already: bool) -> RunningPool:
        api = self._api()
        assert api is not None, "its nodes were just asked for there"
        token = (self._state / "admin.token").read_text().strip()
        try:
            known = configured_client()
        except GpoolError:
            known = {"api": "", "token": ""}  # the user's file, whatever it is
        ours = not known or known.get("api") == api or known.get("token") == token
        if ours and known != {"api": api, "token": token}:
            write_client_file(api, token)
        from gpool.paths import client_file

        return RunningPool(
            api=api,
            nodes=nodes,
            logs=str(self._logs),
            client_file=client_file() if ours else None,
            token_file=str(self._state / "admin.token"),
            already=already,
        )

    # Stopping

    def _stop(self) -> list[str]:
        killed = [daemon.name for daemon in self._daemons() if not daemon.stop(GRACE_S)]
        settings = self._running_settings()
        for folder in self._node_folders(settings):
            self._stop_stray_workerd(folder)
            shutil.rmtree(folder, ignore_errors=True)
        if settings is not None and settings.emulate is not None:
            from gpool.hardware.emulated import emulated_ledger

            # The last process that uses it removes it, unless it was killed.
            for node in _node_names(settings):
                (self._runtime / emulated_ledger(node)).unlink(missing_ok=True)
        self._sweep_brokers()
        with contextlib.suppress(FileNotFoundError):
            self._record.unlink()
        return killed

    def _node_folders(self, settings: PoolSettings | None) -> list[Path]:
        names = _node_names(settings) if settings is not None else []
        return [self._runtime / name for name in names if (self._runtime / name).is_dir()]

    def _stop_stray_workerd(self, folder: Path) -> None:
        """An agent that was killed leaves its workerd running for the next agent; there is none to come."""
        try:
            text = (folder / "workerd.pid").read_text().strip()
            name = Path(f"/proc/{text}/comm").read_text().strip()
        except OSError:
            return
        if text.isdecimal() and name == "gpool-workerd"[:15]:
            stop_process(int(text), WORKERD_GRACE_S)

    def _sweep_brokers(self) -> None:
        """Folders of `gpool run`s that were killed together with their keepers."""
        for folder in self._runtime.glob("run-*-*"):
            pid = folder.name.split("-")[1]
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
                shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """One `up` or `down` at a time."""
        descriptor = os.open(self._runtime / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise AlreadyRunning(
                    "another `gpool up` or `gpool down` is at work; try again when it has finished"
                ) from error
            yield
        finally:
            os.close(descriptor)


def _node_names(settings: PoolSettings) -> list[str]:
    """`node-a`, `node-b`, …; the machine's own GPUs are a node of the machine's name."""
    if settings.emulate is None:
        return [default_node_name()]
    return [f"node-{_letters(number)}" for number in range(settings.nodes or 1)]


def _letters(number: int) -> str:
    letter = chr(ord("a") + number % 26)
    return letter if number < 26 else f"{_letters(number // 26 - 1)}{letter}"


def _installed() -> bool:
    return "site-packages" in Path(__file__).parts
