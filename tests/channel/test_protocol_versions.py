"""Old and new versions side by side on the channel.

`golden/protocol-2` holds what gpool 0.1.0 said, word for word, before there was any rule for changes: each message with
all fields that it had. Its receivers refused every field that they did not know.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from test_conversation import conversation

from gpool.channel.messages import (
    PROTOCOL,
    Desired,
    DesiredLease,
    Heartbeat,
    Hello,
    Observed,
    Refused,
    Welcome,
)
from gpool.channel.protocol import (
    OLDEST_PROTOCOL,
    SUBPROTOCOLS,
    UnknownKind,
    chosen_subprotocol,
    parse_agent_message,
    parse_controller_message,
    protocol_of,
    text_of,
)
from gpool.model.gpu import FaultKind, GpuFault
from stage.pool import PoolStage, until
from stage.values import START, make_request

GOLDEN = Path(__file__).parent / "golden" / "protocol-2"


def golden(kind: str) -> str:
    return (GOLDEN / f"{kind}.json").read_text()


def shape(value: Any) -> Any:
    """The names of all fields, of the parts too."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    return shape(value[0]) if isinstance(value, list) and value else None


def full(kind: str) -> Hello | Observed | Heartbeat | Welcome | Refused | Desired:
    """What this version says, with the golden message's values and everything that it has besides."""
    message: Any
    if kind in ("hello", "observed", "heartbeat"):
        message = parse_agent_message(golden(kind))
    else:
        message = parse_controller_message(golden(kind))
    fault = GpuFault(gpu_uuid="GPU-00000000-0000-0000-0000-00000000000a", kind=FaultKind.ECC, at=START)
    more = {"hello": {"labels": {"zone": "east"}}, "observed": {"faults": (fault,)}}.get(kind, {})
    return type(message).model_validate({**dict(message), **more})  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", ["hello", "observed", "heartbeat", "welcome", "refused", "desired"])
def test_to_an_old_side_exactly_its_own_fields_are_said(kind: str) -> None:
    assert shape(json.loads(text_of(full(kind), 2))) == shape(json.loads(golden(kind)))


@pytest.mark.parametrize("kind", ["hello", "observed", "heartbeat", "welcome", "refused", "desired"])
def test_fields_that_nobody_knows_are_ignored_at_any_depth(kind: str) -> None:
    def grown(value: Any, name: str = "") -> Any:
        if isinstance(value, dict) and name != "labels":  # of which any name is known
            return {name: grown(part, name) for name, part in value.items()} | {"invented": [1]}
        return [grown(part) for part in value] if isinstance(value, list) else value

    message = full(kind)
    text = json.dumps(grown(json.loads(text_of(message, PROTOCOL))))
    parse = parse_agent_message if kind in ("hello", "observed", "heartbeat") else parse_controller_message
    assert parse(text) == message


def test_kinds_that_nobody_knows_are_named() -> None:
    for parse in (parse_agent_message, parse_controller_message):
        with pytest.raises(UnknownKind, match="migrated"):
            parse('{"kind": "migrated", "to": "node-b"}')


def test_the_newest_that_both_speak_is_chosen() -> None:
    assert SUBPROTOCOLS[0] == f"gpool.agent.{PROTOCOL}"
    assert chosen_subprotocol(["gpool.agent.99", *reversed(SUBPROTOCOLS)]) == SUBPROTOCOLS[0]
    assert chosen_subprotocol(SUBPROTOCOLS[1:]) == SUBPROTOCOLS[1]
    assert chosen_subprotocol(["gpool.agent.99", "chat"]) is None
    assert (protocol_of(SUBPROTOCOLS[0]), protocol_of(None)) == (PROTOCOL, OLDEST_PROTOCOL)


async def test_an_old_agent_and_this_controller(stage: PoolStage) -> None:
    """The whole conversation: it joins, gets a lease, gives it back, and never hears a field that it does not know."""
    async with conversation(stage) as socket:

        async def hear(kind: str) -> Any:
            text = await socket.to_agent.get()
            assert text is not None
            message = json.loads(text)
            assert message["kind"] == kind
            return message

        socket.say(golden("hello"))
        assert shape(await hear("welcome")) == shape(json.loads(golden("welcome")))
        await hear("desired")
        first = {**json.loads(golden("observed")), "sessions": [], "lease_use": [], "session_use": []}
        socket.say(json.dumps(first))
        await until(lambda: stage.pool.nodes["a"].takes_leases)
        socket.say(json.dumps({**json.loads(golden("heartbeat")), "lease_use": [], "session_use": []}))
        lease = await stage.pool.ask("ann", make_request())
        granted = await hear("desired")
        assert granted["leases"][0]["id"] == lease.id
        assert shape(granted["leases"]) == shape(json.loads(golden("desired"))["leases"])
        await stage.pool.release(lease.id, "ann")
        ended = await hear("desired")
        assert ended["revoked"] == [lease.id]
        socket.say(json.dumps({**first, "counter": 2, "desired_counter": ended["counter"]}))
        await until(lambda: not stage.pool.leases)
        node = stage.pool.nodes["a"]
        assert (node.version, node.labels, node.faults) == ("0.1.0", {}, ())


async def test_an_agent_of_the_future(stage: PoolStage) -> None:
    """It says what this controller does not know, and is understood as far as that goes."""
    hello = Hello(version="9.0.0", node="a", boot_id="boot-a", generation=1, labels={"zone": "east"})
    async with conversation(stage) as socket:
        socket.say(json.dumps({**json.loads(text_of(hello, PROTOCOL)), "tongue": "new"}))
        assert isinstance(await socket.hear(), Welcome)
        assert isinstance(await socket.hear(), Desired)
        socket.say('{"kind": "weather", "sun": true}')
        seen = {**json.loads(golden("observed")), "sessions": [], "lease_use": [], "session_use": [], "mood": "good"}
        socket.say(json.dumps(seen))
        await until(lambda: stage.pool.nodes["a"].takes_leases)
        assert stage.pool.nodes["a"].labels == {"zone": "east"}


def test_a_lease_is_told_to_an_old_agent_without_what_came_later() -> None:
    desired = parse_controller_message(golden("desired"))
    assert isinstance(desired, Desired)
    assert isinstance(desired.leases[0], DesiredLease)
    assert json.loads(text_of(desired, 2)) == json.loads(golden("desired"))
