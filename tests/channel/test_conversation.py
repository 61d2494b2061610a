"""The conversation with an agent, word by word, over a socket made of two queues."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gpool.channel.conversation import ChannelTimes, SocketClosed, converse
from gpool.channel.messages import (
    PROTOCOL,
    AgentMessage,
    Desired,
    Heartbeat,
    Hello,
    Observed,
    Refused,
    Welcome,
    controller_message,
)
from gpool.model.node import NodeState
from stage.pool import PoolStage, until
from stage.values import make_gpus, make_request

HELLO = Hello(version="0.1.0", node="a", boot_id="boot-a", generation=1)
SEEN = Observed(counter=1, gpus=make_gpus("a", 8), tcp="127.0.0.1:4000")


class QueueSocket:
    """Both ends of a connection."""

    def __init__(self) -> None:
        self.to_controller: asyncio.Queue[str | None] = asyncio.Queue()
        self.to_agent: asyncio.Queue[str | None] = asyncio.Queue()
        self.closed = False

    async def receive_text(self) -> str:
        text = await self.to_controller.get()
        if text is None:
            raise SocketClosed
        return text

    async def send_text(self, text: str) -> None:
        if self.closed:
            raise SocketClosed
        await self.to_agent.put(text)

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await self.to_agent.put(None)

    # The agent's end

    def say(self, message: AgentMessage | str) -> None:
        self.to_controller.put_nowait(message if isinstance(message, str) else message.model_dump_json())

    def hang_up(self) -> None:
        self.to_controller.put_nowait(None)

    async def hear(self) -> Welcome | Refused | Desired | None:
        async with asyncio.timeout(30):
            text = await self.to_agent.get()
        return None if text is None else controller_message.validate_json(text)


@asynccontextmanager
async def conversation(stage: PoolStage, times: ChannelTimes | None = None) -> AsyncIterator[QueueSocket]:
    socket = QueueSocket()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(converse(socket, stage.pool, times or ChannelTimes()))
        yield socket
        socket.hang_up()
    assert socket.closed
    assert stage.pool._links == {}


async def joined(socket: QueueSocket) -> None:
    socket.say(HELLO)
    assert isinstance(await socket.hear(), Welcome)
    assert await socket.hear() == Desired(counter=1, leases=())
    socket.say(SEEN.model_copy(update={"desired_counter": 1}))


async def until_ready(stage: PoolStage) -> None:
    await until(lambda: stage.pool.nodes["a"].state is NodeState.READY)


async def test_both_sides_begin_by_saying_everything(stage: PoolStage) -> None:
    async with conversation(stage) as socket:
        socket.say(HELLO)
        welcome = await socket.hear()
        assert isinstance(welcome, Welcome)
        assert bytes.fromhex(welcome.node_key) == stage.pool.keys["a"]
        assert welcome.heartbeat_s == 5.0
        assert await socket.hear() == Desired(counter=1, leases=())
        socket.say(SEEN)
        socket.say(SEEN.model_copy(update={"counter": 2, "desired_counter": 1}))
        await until_ready(stage)
        lease = await stage.pool.ask("ann", make_request())
        granted = await socket.hear()
        assert isinstance(granted, Desired)
        assert [(item.id, item.vgpus) for item in granted.leases] == [(lease.id, lease.vgpus)]
        await stage.pool.release(lease.id, "ann")
        assert await socket.hear() == Desired(counter=3, leases=(), revoked=(lease.id,))
    assert stage.pool.nodes["a"].state is NodeState.DISCONNECTED


async def test_an_agent_that_comes_back_hears_what_it_missed(stage: PoolStage) -> None:
    async with conversation(stage) as socket:
        await joined(socket)
        await until_ready(stage)
        lease = await stage.pool.ask("ann", make_request())
    async with conversation(stage) as socket:
        socket.say(HELLO)
        assert isinstance(await socket.hear(), Welcome)
        desired = await socket.hear()
        assert isinstance(desired, Desired)
        assert desired.counter == 1
        assert [item.id for item in desired.leases] == [lease.id]


async def test_an_agent_that_falls_silent_is_let_go(stage: PoolStage) -> None:
    async with conversation(stage, ChannelTimes(silence_s=0.05)) as socket:
        socket.say(HELLO)
        assert isinstance(await socket.hear(), Welcome)
        assert isinstance(await socket.hear(), Desired)
        assert await socket.hear() is None
    assert stage.pool.nodes["a"].state is NodeState.DISCONNECTED


async def test_a_second_connection_of_the_same_agent_replaces_the_first(stage: PoolStage) -> None:
    async with conversation(stage) as first:
        await joined(first)
        second = QueueSocket()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(converse(second, stage.pool, ChannelTimes()))
            await joined(second)
            assert await first.hear() is None
            await until_ready(stage)
            second.hang_up()


@pytest.mark.parametrize(
    ("says", "words", "retry"),
    [
        (["nonsense"], "cannot be understood (the whole: Invalid JSON", False),
        (['{"kind": "observe"}'], "was of a kind that this controller does not know; it must be hello", False),
        ([HELLO.model_copy(update={"protocol": 1})], "speaks 2 to 3; install a newer gpool on the node", False),
        (
            [json.dumps({**json.loads(HELLO.model_dump_json()), "node": "Node A"})],
            "(hello.node: String should match",
            False,
        ),
        ([Heartbeat()], "the agent's first message was heartbeat; it must be hello", False),
        (
            [HELLO.model_copy(update={"protocol": PROTOCOL + 1})],
            f"speaks protocol {PROTOCOL + 1}, controller 0.1.0 speaks 2 to {PROTOCOL}; install a newer",
            False,
        ),
        ([HELLO, HELLO], "said hello twice", True),
        ([HELLO, SEEN, SEEN], "sent observed 1 after 1", True),
        ([HELLO, SEEN.model_copy(update={"desired_counter": 9})], "confirms desired 9", True),
        ([HELLO, SEEN.model_copy(update={"gpus": SEEN.gpus * 2})], "reports one GPU twice", True),
        ([HELLO, "{}"], "cannot be understood", True),
    ],
)
async def test_what_an_agent_must_not_say(
    stage: PoolStage, says: list[AgentMessage | str], words: str, retry: bool
) -> None:
    async with conversation(stage) as socket:
        for message in says:
            socket.say(message)
        heard = []
        while (message_heard := await socket.hear()) is not None:
            heard.append(message_heard)
        assert isinstance(heard[-1], Refused)
        assert words in heard[-1].reason
        assert heard[-1].retry is retry


async def test_an_agent_that_does_not_say_hello(stage: PoolStage) -> None:
    async with conversation(stage, ChannelTimes(silence_s=0.01)) as socket:
        refused = await socket.hear()
        assert isinstance(refused, Refused)
        assert "did not say hello within 0.01 s" in refused.reason
