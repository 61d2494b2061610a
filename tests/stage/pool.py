"""A pool in this process: a real store on a real file, the real API, a clock that the test moves."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from fastapi import FastAPI

from gpool.api.app import create_app
from gpool.channel.conversation import AgentLink, ChannelTimes
from gpool.channel.messages import Hello, Observed
from gpool.controller.acting import Actor, acting
from gpool.controller.live_pool import LivePool
from gpool.controller.settings import PoolTimes
from gpool.model.lease import Lease, LeaseState
from gpool.model.session import Session
from gpool.model.token import Role, Token
from gpool.store.database import Database
from gpool.store.leadership import Claim, Term
from gpool.store.pool_store import PoolStore
from stage.values import FakeClock, make_gpus


class ScriptedNode:
    """An agent that does, message by message, what the test says; without a wire."""

    def __init__(self, pool: LivePool, link: AgentLink, sizes_gib: Sequence[int]) -> None:
        self.pool = pool
        self.link = link
        self.gpus = make_gpus(link.node, *sizes_gib)
        self.sessions: tuple[Session, ...] = ()
        self.counter = 0

    @classmethod
    async def join(
        cls, pool: LivePool, name: str, *sizes_gib: int, generation: int = 1, token: Token | None = None
    ) -> "ScriptedNode":
        reset = acting.set(Actor(token=token))
        hello = Hello(version="0.1.0", node=name, boot_id=f"boot-{name}", generation=generation)
        try:
            node = cls(pool, await pool.greet(hello), sizes_gib)
        finally:
            acting.reset(reset)
        await node.obey()
        return node

    async def obey(self) -> None:
        """Take the desired state and say that it is in force."""
        desired = self.link.next_desired(self.pool.desired_state(self.link.node))
        allowed = {lease.id for lease in desired.leases}
        self.sessions = tuple(session for session in self.sessions if session.lease in allowed)
        await self.report(desired.counter)

    async def report(self, desired_counter: int) -> None:
        """Say what is there."""
        self.counter += 1
        await self.pool.observe(
            self.link,
            Observed(
                counter=self.counter,
                desired_counter=desired_counter,
                gpus=self.gpus,
                unix_path=f"/run/{self.link.node}/workerd.sock",
                tcp="127.0.0.1:4000",
                sessions=self.sessions,
            ),
        )

    async def leave(self) -> None:
        await self.pool.leave(self.link)


async def until(condition: Callable[[], bool]) -> None:
    """Let the other tasks run until the condition holds; fails after 30 s."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the pool has no event for every condition of a test
            await asyncio.sleep(0)


@dataclass
class PoolStage:
    """A pool and everything to play it with."""

    pool: LivePool
    clock: FakeClock
    app: FastAPI
    http: httpx2.AsyncClient
    """Without a token."""
    tokens: dict[str, str]
    """Of `root` (admin), `ann` and `bob` (users), and `nodes`."""

    def as_(self, name: str) -> dict[str, str]:
        """Headers of that user."""
        return {"Authorization": f"Bearer {self.tokens[name]}"}

    async def state_of(self, lease: Lease | str) -> LeaseState:
        lease_id = lease if isinstance(lease, str) else lease.id
        return (await self.pool.lease(lease_id)).state

    async def pass_time(self, seconds: float) -> None:
        """Move the clock, then do what the controller's loops would do."""
        self.clock.advance(seconds)
        await self.pool.pass_time()
        await self.pool.run_cycle()


@asynccontextmanager
async def open_pool(
    where: Path | str, clock: FakeClock | None = None, times: PoolTimes | None = None
) -> AsyncIterator[PoolStage]:
    """A pool on that database file, or database of that URL, as a controller would open it."""
    clock = clock or FakeClock()
    database = await Database.open(where)
    # Another test pool on the same file may not have given up its leadership: it crashed.
    term = await Term.begin(database, Claim("stage/test", place="stage", lasts_s=3600.0))
    pool = LivePool(PoolStore(database, term), clock, times or PoolTimes())
    try:
        await pool.load()
        tokens = {}
        if not pool.tokens:
            people = (("root", Role.ADMIN), ("ann", Role.USER), ("bob", Role.USER), ("nodes", Role.NODE))
            for name, role in people:
                _, tokens[name] = await pool.make_token(name, role)
        app = create_app(pool, ChannelTimes())
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://pool") as http:
            yield PoolStage(pool, clock, app, http, tokens)
    finally:
        pool.stop()
        await database.close()
