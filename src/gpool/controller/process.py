"""The controller process: opens the database, waits for its turn to lead, serves the pool, and ends in good order."""

import asyncio
import contextlib
import errno
import json
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator

import structlog
import uvicorn
from starlette.types import ASGIApp

from gpool.channel.conversation import ChannelTimes
from gpool.controller.certificates import ControllerCertificate
from gpool.controller.clock import steady_clock
from gpool.controller.first_start import FirstTokens, ensure_first_tokens
from gpool.controller.front import Front, MakeStandby
from gpool.controller.live_pool import LivePool
from gpool.controller.loops import forget_old_leases, keep_queue_use, keep_scheduling, keep_time
from gpool.controller.settings import ControllerSettings
from gpool.errors import CannotStart, GpoolError, NotLeading, PortInUse, Unavailable
from gpool.security.private_files import private_folder, write_private
from gpool.security.rate_limits import RateLimits
from gpool.store.database import Database, database_file
from gpool.store.leadership import Claim, DatabaseLock, Term, give_up_leadership, present_leader
from gpool.store.pool_store import PoolStore

__all__ = ["READY_FILE", "MakeApp", "listen", "run_controller"]

log = structlog.get_logger("gpool.controller")

READY_FILE = "controller.json"
"""In the state folder while the controller serves: `{"api": URL, "pid": N}`."""

MakeApp = Callable[[LivePool, ChannelTimes, RateLimits], ASGIApp]

_GOODBYE_S = 5
_POLL_S = 1.0
"""How often a controller that waits looks whether it may lead."""
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


def _local_url(host: str, port: int, *, tls: bool) -> str:
    """The API's address as this machine reaches it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"


async def run_controller(
    settings: ControllerSettings,
    make_app: MakeApp,
    make_standby: MakeStandby,
    announce: Callable[[str, FirstTokens, str | None], None],
) -> None:
    """Run until SIGTERM or SIGINT, then end in good order.

    `announce` is called once, when the pool answers for the first time, with the URL of the API on this machine, the
    first tokens, and the certificate of the pool's authority (None when another one vouches, or there is no TLS). While
    another controller leads a database that several may share, this one waits, and sends people there.
    Raises `GpoolError` when the controller cannot start, or cannot go on.
    """
    private_folder(settings.state)
    file = database_file(settings.database)
    if file is not None and file.parent != settings.state:
        private_folder(file.parent)
    with contextlib.ExitStack() as stack:
        locked = file or settings.state / "controller"
        try:
            lock = DatabaseLock.take(locked)
        except OSError as error:
            raise CannotStart(f"cannot lock {locked} ({error.strerror}); check --state or --database") from error
        stack.callback(lock.release)
        listener = listen(settings.host, settings.port)
        stack.callback(listener.close)
        database = await Database.open(settings.database)
        try:
            certificate = await ControllerCertificate.of(settings, database)
            controller = _Controller(settings, database, lock.place, certificate, make_app, make_standby, announce)
            await controller.run(listener)
        finally:
            await database.close()


class _Controller:
    """A process that waits for its turn, leads for a term, and waits again."""

    def __init__(
        self,
        settings: ControllerSettings,
        database: Database,
        place: str,
        certificate: ControllerCertificate | None,
        make_app: MakeApp,
        make_standby: MakeStandby,
        announce: Callable[[str, FirstTokens, str | None], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._place = place
        self._make_app = make_app
        self._announce: Callable[[str, FirstTokens, str | None], None] | None = announce
        self._certificate = certificate
        self._front = Front(make_standby, self._authority)
        self._stop = asyncio.Event()
        self._served = asyncio.Event()
        self._url = ""

    def _authority(self) -> str | None:
        return None if self._certificate is None else self._certificate.authority

    async def run(self, listener: socket.socket) -> None:
        """Serve on `listener` until a signal."""
        certificate = self._certificate
        server = _Server(
            uvicorn.Config(
                self._front,
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                timeout_graceful_shutdown=_GOODBYE_S,
                ws_max_size=_LARGEST_MESSAGE_BYTES,
                ssl_context_factory=None if certificate is None else lambda *_: certificate.serving.context,
            )
        )
        self._url = _local_url(*listener.getsockname()[:2], tls=certificate is not None)
        ready_file = self._settings.state / READY_FILE
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)

        async def serve() -> None:
            try:
                await server.serve(sockets=[listener])
            finally:
                self._served.set()
            if not self._stop.is_set():
                raise CannotStart(f"the server at {self._url} ended by itself; its log says why")

        async def lead_and_end() -> None:
            keeping = None if certificate is None else asyncio.create_task(certificate.keep())
            try:
                await self._lead_until_stopped(server)
            finally:
                if keeping is not None:
                    keeping.cancel()
                    await asyncio.wait([keeping])
            server.should_exit = True

        failures: list[BaseException] = []
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(serve())
                tasks.create_task(lead_and_end())
                # The listener accepts from its beginning; who connects now is served as soon as uvicorn is ready.
                write_private(ready_file, json.dumps({"api": self._url, "pid": os.getpid()}) + "\n")
        except* GpoolError as errors:
            # Not raised here, where it would become a group again.
            failures.extend(errors.exceptions)
        finally:
            ready_file.unlink(missing_ok=True)
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
        if failures:
            raise failures[0]
        log.info("stopped")

    async def _lead_until_stopped(self, server: uvicorn.Server) -> None:
        while not self._stop.is_set():
            term = await self._wait_to_lead()
            if term is None:
                return
            try:
                await self._lead_for(term, server)
            except Unavailable as error:
                term.end(str(error))
            finally:
                self._front.stand_by()
            if self._stop.is_set():
                with contextlib.suppress(Unavailable):  # then it expires
                    await give_up_leadership(self._database, term.leadership)
            else:
                log.warning("leading no longer", epoch=term.leadership.epoch, reason=term.why)

    async def _wait_to_lead(self) -> Term | None:
        """A term of this controller; None when it is to stop before it gets one.

        Raises `NotLeading` when somebody else leads a database that is not made for several.
        """
        settings, said = self._settings, ""
        while not self._stop.is_set():
            # A holder of its own for each term: what an earlier one has under way must not be taken for this one's.
            holder = f"{self._place}/{socket.gethostname()} process {os.getpid()} {secrets.token_hex(4)}"
            claim = Claim(holder, settings.advertise or self._url, self._place, settings.leadership_s)
            pause_s = min(_POLL_S, settings.leadership_s / 5)
            try:
                leader = await present_leader(self._database)
                self._front.leader = leader
                ours = leader is not None and leader.holder.startswith(f"{self._place}/")
                if leader is None or leader.left_s <= 0 or ours or not self._database.several_controllers:
                    return await Term.begin(self._database, claim)
                state = f"another controller leads: {leader.url or leader.holder}"
                pause_s = min(pause_s, leader.left_s)
            except NotLeading as error:
                if not self._database.several_controllers:
                    raise
                state = str(error)  # somebody was quicker
            except Unavailable as error:
                state = str(error)
            if state != said:
                log.info("waiting to lead", api=self._url, reason=state)
                said = state
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await self._stop.wait()
        return None

    async def _lead_for(self, term: Term, server: uvicorn.Server) -> None:
        """Load the pool and serve it until the term is over or the process is to stop."""
        keeping = asyncio.create_task(term.keep(self._database))
        try:
            pool = LivePool(PoolStore(self._database, term), steady_clock(), self._settings.times)
            await pool.load()
            pool.authority = self._authority
            tokens = await ensure_first_tokens(pool, self._settings.state)
            async with asyncio.TaskGroup() as tasks:
                loops = [
                    tasks.create_task(loop)
                    for loop in (
                        keep_scheduling(pool),
                        keep_time(pool),
                        forget_old_leases(pool),
                        keep_queue_use(pool),
                    )
                ]
                self._front.lead(self._make_app(pool, self._settings.channel, self._settings.limits), term)
                log.info("serving", api=self._url, state=str(self._settings.state), epoch=term.leadership.epoch)
                if self._announce is not None:
                    self._announce(self._url, tokens, self._authority())
                    self._announce = None
                await _first_of(self._stop, term.over)
                pool.stop()
                if self._stop.is_set():
                    log.info("stopping")
                    # Answers under way are given, and may still change the pool.
                    server.should_exit = True
                    await self._served.wait()
                self._front.stand_by()
                for loop in loops:
                    loop.cancel()
            if self._stop.is_set():
                with contextlib.suppress(Unavailable):
                    await pool.save_queue_use()
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])


async def _first_of(*events: asyncio.Event) -> None:
    waiting = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
