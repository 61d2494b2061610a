"""Which versions of the channel's language are spoken, and how two sides of different versions understand each other.

The agent offers what it speaks as WebSocket subprotocols (`gpool.agent.3`, `gpool.agent.2`); the controller chooses the
newest that it speaks too, and the agent's `hello` names it. A side from before that (protocol 2) offers or chooses
nothing, and is spoken to in protocol 2.

What may change:

- A message may get a field that has a default: receivers ignore fields that they do not know. That needs no new
  protocol.
- A new kind of message may be sent only in a protocol that has it. Receivers ignore kinds that they do not know, and
  log them.
- A field is never removed, nor does it change its meaning, while a protocol that has it is spoken: that takes a new
  protocol.
- Both sides speak the current protocol and the one before it, so neighbouring releases work together in any order.

Protocol 2 knew no such rule and refuses what it does not know; to it, only the fields that it had are sent
(`_FIELDS_2`).
"""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ValidationError

from gpool.channel.messages import (
    PROTOCOL,
    Desired,
    Heartbeat,
    Hello,
    Observed,
    Refused,
    Welcome,
    agent_message,
    controller_message,
)

__all__ = [
    "OLDEST_PROTOCOL",
    "SUBPROTOCOLS",
    "UnknownKind",
    "chosen_subprotocol",
    "parse_agent_message",
    "parse_controller_message",
    "protocol_of",
    "text_of",
]

OLDEST_PROTOCOL = 2
"""The oldest that is still spoken."""

_PREFIX = "gpool.agent."

SUBPROTOCOLS = tuple(f"{_PREFIX}{number}" for number in range(PROTOCOL, OLDEST_PROTOCOL - 1, -1))
"""What a connection offers, the best first."""

_GPU_USE = {"__all__": {"gpu_uuid", "memory_used_bytes", "compute_busy_permille"}}
_LEASE_USE = {"__all__": {"lease", "gpu_uuid", "memory_used_bytes"}}
_SESSION_USE = {"__all__": {"session", "gpu_uuid", "memory_used_bytes", "compute_busy_permille"}}
_USE = {"kind": True, "gpu_use": _GPU_USE, "lease_use": _LEASE_USE, "session_use": _SESSION_USE}
_GPUS = {"__all__": {"uuid", "index", "name", "memory_bytes", "capability", "pci_bus_id", "emulated"}}
_SESSIONS = {"__all__": {"id", "node", "lease", "worker_pid", "client_pid", "client_host", "command"}}
_VGPUS = {"__all__": {"ordinal", "node", "gpu_uuid", "memory_bytes", "compute_permille"}}
_LEASES = {"__all__": {"id": True, "vgpus": _VGPUS}}

_FIELDS_2: dict[type[BaseModel], dict[str, Any]] = {
    Hello: dict.fromkeys(("kind", "protocol", "version", "node", "boot_id", "generation"), True),
    Observed: {
        **_USE,
        **dict.fromkeys(("counter", "desired_counter", "unix_path", "tcp"), True),
        "gpus": _GPUS,
        "sessions": _SESSIONS,
    },
    Heartbeat: _USE,
    Welcome: dict.fromkeys(("kind", "version", "node_key", "heartbeat_s"), True),
    Refused: dict.fromkeys(("kind", "reason", "retry"), True),
    Desired: {"kind": True, "counter": True, "leases": _LEASES, "revoked": True},
}
"""The fields of protocol 2, for good: what is added to a message since then must not appear here."""

Message = Hello | Observed | Heartbeat | Welcome | Refused | Desired


class UnknownKind(Exception):  # noqa: N818 - an ordinary thing to hear from a newer side
    """A message of a kind that this version does not know. `str` is the kind."""


def chosen_subprotocol(offered: Iterable[str]) -> str | None:
    """The newest of those offered that this side speaks; None when there is none."""
    theirs = set(offered)
    return next((name for name in SUBPROTOCOLS if name in theirs), None)


def protocol_of(subprotocol: str | None) -> int:
    """The protocol of a connection on which the other side chose this."""
    return OLDEST_PROTOCOL if subprotocol is None else int(subprotocol.removeprefix(_PREFIX))


def text_of(message: Message, protocol: int) -> str:
    """The message as it is sent to a side that speaks `protocol`."""
    if protocol > 2:
        return message.model_dump_json()
    return message.model_dump_json(include=_FIELDS_2[type(message)])


def parse_agent_message(text: str | bytes) -> Hello | Observed | Heartbeat:
    """What an agent said, without fields that nobody knows. Raises `ValidationError`, and `UnknownKind`."""
    try:
        return agent_message.validate_json(text, extra="ignore")
    except ValidationError as error:
        raise _named(error) from error


def parse_controller_message(text: str | bytes) -> Welcome | Refused | Desired:
    """What a controller said, without fields that nobody knows. Raises `ValidationError`, and `UnknownKind`."""
    try:
        return controller_message.validate_json(text, extra="ignore")
    except ValidationError as error:
        raise _named(error) from error


def _named(error: ValidationError) -> Exception:
    first = error.errors(include_url=False)[0]
    return UnknownKind(str(first["ctx"]["tag"])[:64]) if first["type"] == "union_tag_invalid" else error
