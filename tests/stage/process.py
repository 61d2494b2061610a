"""A controller as its own process, and an agent that talks to it over a real WebSocket."""

import asyncio
import contextlib
import os
import signal
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gpool.channel.messages import (
    CONNECT_PATH,
    Desired,
    Heartbeat,
    Hello,
    Observed,
    Refused,
    Welcome,
    controller_message,
)
from gpool.model.gpu import Gpu
from stage.values import make_gpus

PATIENCE_S = 60.0


def environment(home: Path) -> dict[str, str]:
    """An environment in which gpool's files are below `home`, and no pool of the user is known."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GPOOL_", "XDG_"))}
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in ("CONFIG", "STATE")}
    return kept | folders | {"HOME": str(home)}


async def run_gpool(home: Path, *arguments: str) -> tuple[int, str, str]:
    """Run `gpool ARGUMENTS` to its end; exit code, stdout, stderr."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gpool", *arguments, env=environment(home), stdout=-1, stderr=-1
    )
    try:
        async with asyncio.timeout(PATIENCE_S):
            out, err = await process.communicate()
    except BaseException:
        process.kill()
        raise
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


@dataclass
class ControllerProcess:
    """A running `gpool controller`."""

    home: Path
    process: asyncio.subprocess.Process
    url: str
    announced: list[str]
    http: httpx2.AsyncClient = field(repr=False)

    @property
    def state(self) -> Path:
        return self.home / "state" / "gpool"

    def token(self, name: str) -> str:
        return (self.state / f"{name}.token").read_text().strip()

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Send the signal and wait; the exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()


@asynccontextmanager
async def controller_process(home: Path, *options: str) -> AsyncIterator[ControllerProcess]:
    """Start a controller, wait until it answers, and end it."""
    with open(home / "controller.log", "ab") as log:  # noqa: ASYNC230 - only to hand it on
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "gpool", "controller", "--listen", "127.0.0.1:0", *options),
            env=environment(home),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    try:
        announced = []
        async with asyncio.timeout(PATIENCE_S):
            while not announced or not announced[-1].startswith("Your "):
                line = await process.stdout.readline()
                assert line, f"the controller ended with {await process.wait()}"
                announced.append(line.decode().rstrip())
        url = announced[0].removeprefix("The API is at ")
        authority = home / "state" / "gpool" / "tls" / "ca.pem"
        verify = ssl.create_default_context(cafile=authority) if url.startswith("https:") else True
        async with httpx2.AsyncClient(base_url=url, timeout=PATIENCE_S, verify=verify) as http:
            running = ControllerProcess(home, process, url, announced, http)
            http.headers["Authorization"] = f"Bearer {running.token('admin')}"
            yield running
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        # Read what is left, so that the pipe's transport ends with the test.
        await process.stdout.read()


class WireAgent:
    """An agent on a real WebSocket that does what the test says."""

    def __init__(self, socket: ClientConnection, name: str, gpus: tuple[Gpu, ...]) -> None:
        self.socket = socket
        self.name = name
        self.gpus = gpus
        self.counter = 0

    @classmethod
    @asynccontextmanager
    async def connect(
        cls, url: str, token: str | None, name: str, *sizes_gib: int, generation: int = 1
    ) -> AsyncIterator["WireAgent"]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = url.replace("http", "ws", 1) + CONNECT_PATH
        async with connect(address, additional_headers=headers, proxy=None) as socket:
            agent = cls(socket, name, make_gpus(name, *sizes_gib))
            hello = Hello(version="0.1.0", node=name, boot_id="boot", generation=generation)
            # A controller that refuses the token may have closed already; its sentence can still be heard.
            with contextlib.suppress(ConnectionClosed):
                await socket.send(hello.model_dump_json())
            yield agent

    async def hear(self) -> Welcome | Refused | Desired:
        async with asyncio.timeout(PATIENCE_S):
            return controller_message.validate_json(await self.socket.recv())

    async def obey(self) -> Desired:
        """Take the next desired state and confirm it."""
        desired = await self.hear()
        assert isinstance(desired, Desired)
        self.counter += 1
        observed = Observed(counter=self.counter, desired_counter=desired.counter, gpus=self.gpus, tcp="127.0.0.1:4000")
        await self.socket.send(observed.model_dump_json())
        return desired

    async def obey_until_the_end(self) -> None:
        """Confirm whatever is desired, with heartbeats in between, until the controller closes the connection."""

        async def beat() -> None:
            while True:
                await self.socket.send(Heartbeat().model_dump_json())
                await asyncio.sleep(5)

        beating = asyncio.create_task(beat())
        try:
            while True:
                desired = controller_message.validate_json(await self.socket.recv())
                assert isinstance(desired, Desired)
                self.counter += 1
                observed = Observed(
                    counter=self.counter, desired_counter=desired.counter, gpus=self.gpus, tcp="127.0.0.1:4000"
                )
                await self.socket.send(observed.model_dump_json())
        except ConnectionClosed:
            return
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                await beating

    async def join(self) -> Welcome:
        """Be welcomed and say everything."""
        welcome = await self.hear()
        assert isinstance(welcome, Welcome)
        await self.obey()
        return welcome
