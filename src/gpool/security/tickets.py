"""Tickets: the signed, expiring proof that opens a session at a workerd. Bytes as in docs/internals/interfaces.md.

The controller seals them with the node's key; workerd checks them (`native/worker`). `open_ticket` is the same check in
Python, for tests and for `gpool doctor`.
"""

import hmac
import struct
from dataclasses import dataclass

from gpool.errors import NotAllowed

__all__ = ["NODE_KEY_BYTES", "TICKET_LIFETIME_S", "Ticket", "TicketVgpu", "open_ticket", "seal_ticket", "uuid_bytes"]

NODE_KEY_BYTES = 32
TICKET_LIFETIME_S = 600

_MAGIC = b"GPT1"
_VERSION = 1
_MAX_VGPUS = 64
_HEAD = struct.Struct("<4sHH32s32sQQ")
_VGPU = struct.Struct("<16sQII")
_SIGNATURE_BYTES = 32


@dataclass(frozen=True, slots=True)
class TicketVgpu:
    """One vGPU that a ticket opens."""

    gpu_uuid: str
    memory_bytes: int
    compute_permille: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a ticket says. Times in whole seconds since the epoch."""

    node: str
    lease: str
    issued_at_s: int
    expires_at_s: int
    vgpus: tuple[TicketVgpu, ...]


def uuid_bytes(gpu_uuid: str) -> bytes:
    """The 16 bytes of a UUID as NVML prints it, `GPU-8-4-4-4-12`. Raises `ValueError` for anything else."""
    raw = bytes.fromhex(gpu_uuid.partition("-")[2].replace("-", ""))
    if len(raw) != 16:
        raise ValueError(f"{gpu_uuid!r} is not the UUID of a GPU")
    return raw


def _name(text: str) -> bytes:
    raw = text.encode("ascii")
    if not 0 < len(raw) < 32:
        raise ValueError(f"{text!r} does not fit the 31 characters that a ticket has for it")
    return raw


def _sign(body: bytes, node_key: bytes) -> bytes:
    return hmac.digest(node_key, body, "sha256")


def seal_ticket(ticket: Ticket, node_key: bytes) -> bytes:
    """The ticket's bytes, signed. Raises `ValueError` for names, UUIDs or numbers that its fields cannot hold."""
    if len(node_key) != NODE_KEY_BYTES:
        raise ValueError(f"a node key has {NODE_KEY_BYTES} bytes, not {len(node_key)}")
    if not 1 <= len(ticket.vgpus) <= _MAX_VGPUS:
        raise ValueError(f"a ticket names 1 to {_MAX_VGPUS} vGPUs, not {len(ticket.vgpus)}")
    times = (ticket.issued_at_s, ticket.expires_at_s)
    body = _HEAD.pack(_MAGIC, _VERSION, len(ticket.vgpus), _name(ticket.node), _name(ticket.lease), *times)
    for vgpu in ticket.vgpus:
        body += _VGPU.pack(uuid_bytes(vgpu.gpu_uuid), vgpu.memory_bytes, vgpu.compute_permille, 0)
    return body + _sign(body, node_key)


def open_ticket(sealed: bytes, node_key: bytes, node: str, now_s: float) -> Ticket:
    """Check a ticket as the workerd of `node` does and return what it says.

    Raises `NotAllowed` with a sentence of its own for each thing that can be wrong. UUIDs come back as `GPU-…`.
    """
    if len(sealed) < _HEAD.size + _VGPU.size + _SIGNATURE_BYTES or sealed[:4] != _MAGIC:
        raise NotAllowed("this is not a ticket")
    _, version, count, node_name, lease, issued_at_s, expires_at_s = _HEAD.unpack_from(sealed)
    if version != _VERSION:
        raise NotAllowed(
            f"the ticket has version {version}, this gpool reads version {_VERSION}; update the older side"
        )
    if not 1 <= count <= _MAX_VGPUS or len(sealed) != _HEAD.size + count * _VGPU.size + _SIGNATURE_BYTES:
        raise NotAllowed(f"the ticket names {count} vGPUs but has {len(sealed)} bytes")
    body, signature = sealed[:-_SIGNATURE_BYTES], sealed[-_SIGNATURE_BYTES:]
    if not hmac.compare_digest(_sign(body, node_key), signature):
        raise NotAllowed("the ticket's signature does not match; it was not made by this node's controller")
    named = node_name.rstrip(b"\0").decode("ascii", "replace")
    if named != node:
        raise NotAllowed(f"the ticket is for node {named}, this is {node}")
    if now_s >= expires_at_s:
        raise NotAllowed(f"the ticket expired {now_s - expires_at_s:.0f} s ago; renew the lease for a fresh one")
    vgpus = []
    for number in range(count):
        raw, memory_bytes, compute_permille, zero = _VGPU.unpack_from(sealed, _HEAD.size + number * _VGPU.size)
        if zero:
            raise NotAllowed(f"vGPU {number} of the ticket has bytes set that must be zero")
        digits = raw.hex()
        parts = (digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:])
        vgpus.append(TicketVgpu(f"GPU-{'-'.join(parts)}", memory_bytes, compute_permille))
    return Ticket(named, lease.rstrip(b"\0").decode("ascii", "replace"), issued_at_s, expires_at_s, tuple(vgpus))
