"""The process on each node: joins the conversation with the controller and the one with workerd.

controller ──desired──▶ agent ──revoke──▶ workerd
           ◀─observed──       ◀─session──
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from functools import partial

import structlog

from gpool.agent.connection import (
    SILENCE_S,
    Connection,
    LostError,
    Trust,
    channel_addresses,
    connection_to,
    pauses_s,
)
from gpool.agent.revocation import leases_to_revoke
from gpool.agent.workerd import Workerd, WorkerdSettings
from gpool.channel.messages import Desired, Heartbeat, Hello, Observed, Refused, Welcome
from gpool.errors import GpoolError
from gpool.hardware.host import boot_id
from gpool.hardware.inventory import GpuSource
from gpool.hardware.nvidia import NvidiaGpus
from gpool.model.gpu import GpuUse
from gpool.version import VERSION

__all__ = ["Agent"]

WELCOME_PATIENCE_S = 20.0
FAREWELL_PATIENCE_S = 1.0
EVERYWHERE = ("0.0.0.0", "::", "[::]", "*")
STABLE_S = 60.0

log = structlog.get_logger(__name__)


class Agent:
    """One node's agent. `run` ends when `stop` is called, or with the `GpoolError` that makes going on useless."""

    def __init__(
        self,
        *,
        node: str,
        join: str,
        token: str,
        gpus: GpuSource,
        workerd: WorkerdSettings,
        labels: dict[str, str] | None = None,
        silence_s: float = SILENCE_S,
        trust: Trust | None = None,
    ) -> None:
        self._node = node
        self._join = join
        self._addresses = channel_addresses(join)
        self._silence_s = silence_s
        self._trust = trust or Trust()
        self._token = token
        self._source = gpus
        self._gpus = gpus.gpus()
        self._faults = gpus.faults()
        self._labels = labels or {}
        self._generation = time.time_ns() // 1_000_000
        self._changed = asyncio.Event()
        self._stop = asyncio.Event()
        self._leaves_workerd = False
        self._workerd = Workerd(node, workerd, self._changed.set)
        self._in_force = 0
        self._desired: Desired | None = None
        self._connected = False
        self._said = ""  # why there is no connection, as the log has it already
        self._told = asyncio.Event()

    def stop(self) -> None:
        """Have `run` end in order: workerd quits, sessions end, the connection is closed."""
        self._stop.set()

    def hand_over(self) -> None:
        """Have `run` end and leave workerd and its sessions alone: the next agent, perhaps a newer one, adopts them."""
        self._leaves_workerd = True
        self._stop.set()

    async def run(self) -> None:
        """Serve until `stop` or `hand_over`.

        Raises `GpoolError` when the controller refuses this agent for good, or when workerd cannot be started.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                workerd = tasks.create_task(self._workerd.run(), name="workerd")
                conversation = tasks.create_task(self._converse_for_ever(), name="controller")
                await self._stop.wait()
                log.info("stopping", programs="left to the next agent" if self._leaves_workerd else "ended")
                if not self._leaves_workerd:
                    await self._workerd.stop()
                    await self._say_farewell()
                conversation.cancel()
                workerd.cancel()
        except BaseExceptionGroup as group:
            _, unknown = group.split(GpoolError)
            if unknown is not None:
                raise
            raise _first(group) from None

    async def _say_farewell(self) -> None:
        """Let the connection carry that the sessions are gone, for a moment at most."""
        self._told.clear()
        self._changed.set()
        if self._connected:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._told.wait(), FAREWELL_PATIENCE_S)

    async def _converse_for_ever(self) -> None:
        pauses = pauses_s(random.Random(), several=len(self._addresses) > 1)
        turn = 0
        while True:
            began = time.monotonic()
            address = self._addresses[turn % len(self._addresses)]
            try:
                async with connection_to(address, self._token, self._silence_s, self._trust) as connection:
                    await self._converse(connection)
            except LostError as error:
                if str(error) != self._said:
                    log.warning("no connection to the controller; trying again", at=address, reason=str(error))
                    self._said = str(error)
            if time.monotonic() - began > STABLE_S:
                pauses = pauses_s(random.Random(), several=len(self._addresses) > 1)
            # Whichever it was, another one may lead by now. After each has been asked once, there is time to breathe.
            turn += 1
            if turn % len(self._addresses) == 0:
                await asyncio.sleep(next(pauses))

    async def _converse(self, connection: Connection) -> None:
        older_sessions = self._workerd.ledger.leases_with_sessions()
        # A controller that refuses our token closes before it has heard us; why stands in what it said before that.
        with contextlib.suppress(LostError):
            await connection.send(
                Hello(
                    protocol=connection.protocol,
                    version=VERSION,
                    node=self._node,
                    boot_id=boot_id(),
                    generation=self._generation,
                    labels=self._labels,
                )
            )
        welcome = await self._welcome(connection)
        self._said = ""
        log.info("connected", join=self._join, controller=welcome.version)
        self._gpus = self._source.gpus()
        self._look_for_faults()
        self._workerd.equip(welcome.node_key, [gpu.uuid for gpu in self._gpus])
        self._in_force = 0
        self._desired = None
        self._changed.set()
        self._connected = True
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(connection, older_sessions))
                tasks.create_task(self._report(connection))
                tasks.create_task(self._beat(connection, welcome.heartbeat_s))
        except BaseExceptionGroup as group:
            _, other = group.split(LostError)
            if other is not None:
                raise
            raise _first(group) from None
        finally:
            self._connected = False

    async def _welcome(self, connection: Connection) -> Welcome:
        try:
            async with asyncio.timeout(WELCOME_PATIENCE_S):
                message = await connection.receive()
        except TimeoutError as error:
            raise LostError("it did not answer the greeting") from error
        if isinstance(message, Refused):
            if message.retry:
                raise LostError(message.reason)
            raise GpoolError(message.reason)
        if not isinstance(message, Welcome):
            raise LostError("it did not welcome the agent")
        return message

    async def _listen(self, connection: Connection, older_sessions: set[str]) -> None:
        while True:
            message = await connection.receive()
            if isinstance(message, Refused):
                if message.retry:
                    raise LostError(message.reason)
                raise GpoolError(message.reason)
            if isinstance(message, Desired):
                older = older_sessions | self._workerd.adopted_leases
                revoked = leases_to_revoke(self._desired, message, older)
                if revoked:
                    log.info("revoking", leases=sorted(revoked))
                self._workerd.forget_revoked(set(message.revoked) | revoked)
                self._workerd.revoke(sorted(revoked), partial(self._is_in_force, message.counter))
                self._desired = message

    def _revoke_adopted(self) -> None:
        """workerd was adopted after `desired` came: what it then turned out to serve is held against that."""
        adopted = self._workerd.adopted_leases
        if self._desired is None or not adopted:
            return
        self._workerd.adopted_leases = set()
        stray = leases_to_revoke(None, self._desired, adopted)
        if stray & adopted:
            log.info("revoking", leases=sorted(stray & adopted))
            self._workerd.revoke(sorted(stray & adopted), partial(self._is_in_force, self._desired.counter))

    def _is_in_force(self, counter: int) -> None:
        self._in_force = max(self._in_force, counter)
        self._changed.set()

    async def _report(self, connection: Connection) -> None:
        counter = 0
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._revoke_adopted()
            if self._desired is not None and not self._desired.leases:
                self._workerd.replace_outdated()
            counter += 1
            await connection.send(self._observed(connection, counter))
            self._told.set()

    async def _beat(self, connection: Connection, every_s: float) -> None:
        while True:
            await asyncio.sleep(every_s)
            await self._workerd.refresh()
            gpus = self._source.gpus()
            if gpus != self._gpus:
                log.warning("the GPUs of this node have changed", before=len(self._gpus), now=len(gpus))
                self._gpus = gpus
                self._changed.set()
            self._look_for_faults()
            ledger = self._workerd.ledger
            await connection.send(
                Heartbeat(gpu_use=self._gpu_use(), lease_use=ledger.lease_use(), session_use=ledger.session_use())
            )

    def _look_for_faults(self) -> None:
        faults = self._source.faults()
        if faults == self._faults:
            return
        for fault in faults:
            if fault not in self._faults:
                log.error("a GPU of this node is sick", gpu=fault.gpu_uuid, what=fault.sentence)
        self._faults = faults
        self._changed.set()

    def _observed(self, connection: Connection, counter: int) -> Observed:
        ledger = self._workerd.ledger
        return Observed(
            counter=counter,
            desired_counter=self._in_force,
            gpus=self._gpus,
            unix_path=self._workerd.unix_path,
            tcp=_as_others_reach_it(self._workerd.tcp, connection.own_host),
            sessions=tuple(ledger.sessions.values()),
            gpu_use=self._gpu_use(),
            lease_use=ledger.lease_use(),
            session_use=ledger.session_use(),
            faults=self._faults,
        )

    def _gpu_use(self) -> tuple[GpuUse, ...]:
        if isinstance(self._source, NvidiaGpus):
            return self._source.use()
        return self._workerd.ledger.gpu_use(tuple(gpu.uuid for gpu in self._gpus))


def _as_others_reach_it(tcp: str | None, own_host: str) -> str | None:
    """workerd that listens everywhere is reached under the address that this host has towards the controller."""
    if tcp is None:
        return None
    host, _, port = tcp.rpartition(":")
    if host not in EVERYWHERE:
        return tcp
    return f"[{own_host}]:{port}" if ":" in own_host else f"{own_host}:{port}"


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error of a group, however deep."""
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
