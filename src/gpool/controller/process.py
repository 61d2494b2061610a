"""The controller process: opens the database, leads, serves the API, runs the loops, and ends in good order."""

import asyncio
import contextlib
import errno
import json
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import structlog
import uvicorn
from starlette.types import ASGIApp

from gpool.channel.conversation import ChannelTimes
from gpool.controller.clock import steady_clock
from gpool.controller.first_start import FirstTokens, ensure_first_tokens
from gpool.controller.live_pool import LivePool
from gpool.controller.loops import forget_old_leases, keep_leading, keep_queue_use, keep_scheduling, keep_time
from gpool.controller.settings import ControllerSettings
from gpool.errors import CannotStart, GpoolError, PortInUse
from gpool.security.private_files import private_folder, write_private
from gpool.store.database import Database
from gpool.store.leadership import DatabaseLock, give_up_leadership, lead
from gpool.store.pool_store import PoolStore

__all__ = ["READY_FILE", "MakeApp", "listen", "run_controller"]

log = structlog.get_logger("gpool.controller")

READY_FILE = "controller.json"
"""In the state folder while the controller serves: `{"api": URL, "pid": N}`."""

MakeApp = Callable[[LivePool, ChannelTimes], ASGIApp]

_GOODBYE_S = 5
_LARGEST_MESSAGE_BYTES = 4 << 20


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: this process has more to end than its server."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises `PortInUse`, or `CannotStart` for an address that is not this machine's."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror as error:
        raise CannotStart(f"'{host}' is not an address of this machine ({error.strerror}); check --listen") from error
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} on {host} is in use by another process; stop it, or use another: --listen {host}:PORT"
            ) from error
        raise CannotStart(f"cannot listen on {host}:{port} ({error.strerror}); check --listen") from error
    return listener


def _local_url(host: str, port: int) -> str:
    """The API's address as this machine reaches it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _holder() -> tuple[str, str]:
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return boot_id, f"{boot_id}/{socket.gethostname()} process {os.getpid()} {secrets.token_hex(4)}"


async def run_controller(
    settings: ControllerSettings, make_app: MakeApp, announce: Callable[[str, FirstTokens], None]
) -> None:
    """Run until SIGTERM or SIGINT, then end in good order.

    `announce` is called once with the URL of the API on this machine, when it answers. Raises `GpoolError` when the
    controller cannot start, or cannot go on.
    """
    private_folder(settings.state)
    if settings.database.parent != settings.state:
        private_folder(settings.database.parent)
    with contextlib.ExitStack() as stack:
        try:
            lock = DatabaseLock.take(settings.database)
        except OSError as error:
            sentence = f"cannot lock the database {settings.database} ({error.strerror}); check --state or --database"
            raise CannotStart(sentence) from error
        stack.callback(lock.release)
        listener = listen(settings.host, settings.port)
        stack.callback(listener.close)
        database = await Database.open(settings.database)
        try:
            await _serve(settings, database, listener, make_app, announce)
        finally:
            await database.close()


async def _serve(
    settings: ControllerSettings,
    database: Database,
    listener: socket.socket,
    make_app: MakeApp,
    announce: Callable[[str, FirstTokens], None],
) -> None:
    dead_host, holder = _holder()
    # We hold the lock, so no earlier holder on this machine lives.
    leadership = await lead(database, holder, datetime.now(UTC).timestamp(), dead_host=dead_host)
    store = PoolStore(database, leadership)
    pool = LivePool(store, steady_clock(), settings.times)
    await pool.load()
    tokens = await ensure_first_tokens(pool, settings.state)
    server = _Server(
        uvicorn.Config(
            make_app(pool, settings.channel),
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            timeout_graceful_shutdown=_GOODBYE_S,
            ws_max_size=_LARGEST_MESSAGE_BYTES,
        )
    )
    url = _local_url(*listener.getsockname()[:2])
    ready_file = settings.state / READY_FILE
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    async def serve() -> None:
        await server.serve(sockets=[listener])
        if not stop.is_set():
            raise CannotStart(f"the server at {url} ended by itself; its log says why")

    async def end() -> None:
        await stop.wait()
        log.info("stopping")
        pool.stop()
        server.should_exit = True

    failures: list[BaseException] = []
    try:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(serve())
            tasks.create_task(end())
            loops = [
                tasks.create_task(task)
                for task in (
                    keep_scheduling(pool),
                    keep_time(pool),
                    keep_leading(database, store),
                    forget_old_leases(pool),
                    keep_queue_use(pool),
                )
            ]
            # The listener accepts from its beginning; who connects now is served as soon as uvicorn is ready.
            write_private(ready_file, json.dumps({"api": url, "pid": os.getpid()}) + "\n")
            log.info("serving", api=url, state=str(settings.state), epoch=leadership.epoch)
            announce(url, tokens)
            await serving
            for task in loops:
                task.cancel()
            await pool.save_queue_use()
    except* GpoolError as errors:
        # Not raised here, where it would become a group again.
        failures.extend(errors.exceptions)
    finally:
        ready_file.unlink(missing_ok=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
    if failures:
        raise failures[0]
    await give_up_leadership(database, store.leadership)
    log.info("stopped")
