"""Two controllers of one pool, each with a way of its own to the database."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from gpool_home import PATIENCE_S, GpoolHome

from gpool.errors import GpoolError
from gpool.launch.api_client import ApiClient
from harness.cuttable_way import CuttableWay
from harness.postgres import PostgresServer

LEADERSHIP_S = 2.0
NODE = "ha-node"


def until(happened: Callable[[], Any], what: str) -> Any:
    """What `happened` returns once it is true; asked again and again."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found = happened()
        if found:
            return found
        assert time.monotonic() < deadline, f"it did not happen that {what}"
        time.sleep(0.05)


class Controller:
    """A controller process that can be treated badly, and started again where it was."""

    def __init__(self, home: GpoolHome, name: str, database: str, way: CuttableWay) -> None:
        self.home, self.state, self.way = home, home.state / name, way
        self.port = "0"
        self._database = database
        self.log = home.state.parent / f"{name}.log"
        self.begin()

    def begin(self) -> None:
        """Start it; `served` returns when it answers."""
        words = ["controller", "--listen", f"127.0.0.1:{self.port}", "--state", str(self.state), "--no-client-file"]
        words += ["--leadership", f"{LEADERSHIP_S:g}", "--lease-lifetime", "12"]
        (self.state / "controller.json").unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.home.command(*words),
                env={**self.home.environment, "GPOOL_DATABASE": self._database},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def served(self) -> None:
        """Return when it answers, leading or not."""
        ready = self.state / "controller.json"
        until(lambda: (ready.exists() and ready.read_text()) or self.process.poll() is not None, f"{self.log} serves")
        assert self.process.poll() is None, self.log.read_text()
        self.url = str(json.loads(ready.read_text())["api"])
        self.port = self.url.rpartition(":")[2]

    def leads(self) -> bool:
        """Whether it says so."""
        import http.client

        connection = http.client.HTTPConnection("127.0.0.1", int(self.port), timeout=1)
        try:
            connection.request("GET", "/api/v1/version")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def end(self) -> None:
        """End it, whatever state it is in."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)
            self.process.terminate()
            self.process.wait(PATIENCE_S)


class Pair:
    """Two controllers, and the pool that they share."""

    def __init__(self, home: GpoolHome, controllers: list[Controller], server: PostgresServer, name: str) -> None:
        self.home, self.controllers = home, controllers
        self._server, self._name = server, name

    def leader(self) -> tuple[Controller, Controller]:
        """The one that leads, and the other one."""

        def look() -> tuple[Controller, Controller] | None:
            leading = [controller for controller in self.controllers if controller.leads()]
            assert len(leading) < 2, "two controllers lead at once"
            if not leading:
                return None
            return leading[0], next(other for other in self.controllers if other is not leading[0])

        found: tuple[Controller, Controller] = until(look, "a controller leads")
        return found

    def client(self) -> ApiClient:
        """As a user's command would ask."""
        return ApiClient(self.home.environment["GPOOL_API"], self.home.environment["GPOOL_TOKEN"])

    def stored_leases(self) -> list[dict[str, Any]]:
        """All leases in the database, whoever leads."""
        with self._server.connect(self._name) as connection:
            return [json.loads(document) for (document,) in connection.execute("SELECT document FROM lease")]

    def check_store(self) -> None:
        """No GPU is whole for two leases, and each lease is there once."""
        leases = self.stored_leases()
        assert len({lease["id"] for lease in leases}) == len(leases)
        holders: dict[str, list[str]] = {}
        for lease in leases:
            if lease["state"] in ("active", "ending"):
                for vgpu in lease["vgpus"]:
                    holders.setdefault(vgpu["gpu_uuid"], []).append(lease["id"])
        assert all(len(ids) == 1 for ids in holders.values()), holders


@contextmanager
def pair_of_controllers(folder: Path, native: Path, server: PostgresServer) -> Iterator[Pair]:
    """A pool of one node with two emulated GPUs, and two controllers for it."""
    home = GpoolHome(folder, native)
    home.state.mkdir()
    with ExitStack() as stack, server.database() as url:
        name = url.partition("@/")[2].partition("?")[0]
        controllers = []
        for letter in "ab":
            way = stack.enter_context(CuttableWay(server.socket))
            there = f"postgresql://gpool@127.0.0.1:{way.port}/{name}?sslmode=disable&gssencmode=disable"
            controller = Controller(home, letter, there, way)
            stack.callback(controller.end)
            controllers.append(controller)
        # Both at once: most of a start is the work of one processor.
        for controller in controllers:
            controller.served()
        pair = Pair(home, controllers, server, name)
        first, _ = pair.leader()
        home.environment["GPOOL_API"] = ",".join(controller.url for controller in controllers)
        home.environment["GPOOL_TOKEN"] = (first.state / "admin.token").read_text().strip()
        words = ["agent", "--join", home.environment["GPOOL_API"], "--name", NODE, "--silence", "3"]
        words += ["--emulate", "2", "--emulate-memory", "1GiB"]
        token = (first.state / "join.token").read_text().strip()
        with (folder / "agent.log").open("ab") as log:
            agent = subprocess.Popen(
                home.command(*words),
                env={**home.environment, "GPOOL_TOKEN": token},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            until(lambda: node_is_ready(pair), "the node is ready")
            yield pair
        finally:
            agent.terminate()
            agent.wait(PATIENCE_S)


def node_is_ready(pair: Pair) -> bool:
    """Whether the pool has its node, as its leader sees it."""
    try:
        return bool(pair.client().get(f"/nodes/{NODE}")["state"] == "ready")
    except GpoolError:
        return False
