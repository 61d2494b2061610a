"""The wire protocol in Python, written from its documentation: an honest client, and one that lies.

Numbers and layouts are those of native/wire/*.h. Only TCP: its frames are plain bytes on a socket.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

__all__ = [
    "ACKNOWLEDGE",
    "Device",
    "EndedError",
    "Frame",
    "Greeted",
    "RefusedError",
    "Session",
    "emulated_uuid",
    "handle",
    "hello",
    "sign_ticket",
    "uuid_text",
]

MAGIC = b"gpool-w1"
PATIENCE_S = 20.0

WANTS_REPLY, REPLY, PUSH = 1, 2, 4
GOODBYE, PING, FENCE, DEVICE_CONTEXT, MEMORY_MAP, MEMORY_UNMAP, MEMORY_INFO = 1, 2, 3, 4, 5, 6, 7
COPY_TO_DEVICE, COPY_TO_HOST, COPY_3D, LAUNCH, WAIT, QUERY, MODULE_LOAD = 8, 9, 10, 11, 12, 13, 14
MODULE_UNLOAD, MODULE_RECORD = 15, 51
PUSH_ERROR = 32
KIND_CONTEXT, KIND_STREAM, KIND_EVENT, KIND_MODULE, KIND_LIBRARY, KIND_FUNCTION, KIND_KERNEL = 1, 2, 3, 4, 5, 6, 7

_HEADER = struct.Struct("<IHHQIiQ")
RESUME_MAGIC = b"gpool-r1"
ACKNOWLEDGE = 0

_WELCOME = struct.Struct("<8sHHIIIiI16sIIQQ")
_RESUME = struct.Struct("<8sIIQQ")
_RESUMED = struct.Struct("<8sIIQ")
_DEVICE = struct.Struct("<16s8sII128s32sQQQQii16QII160i")


def emulated_uuid(node: str, index: int) -> bytes:
    """The UUID of emulated GPU `index` of a node."""
    return hashlib.sha256(f"gpool-emulated-gpu:{node}:{index}".encode()).digest()[:16]


def uuid_text(uuid: bytes) -> str:
    """As NVML prints it."""
    digits = uuid.hex()
    return f"GPU-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def sign_ticket(
    key: bytes,
    node: str,
    lease: str,
    vgpus: Sequence[tuple[bytes, int, int]],
    *,
    expires_at_s: int | None = None,
    magic: bytes = b"GPT1",
    version: int = 1,
    count: int | None = None,
) -> bytes:
    """A ticket for `vgpus`, each (GPU UUID, memory limit in bytes, compute in permille)."""
    now = int(time.time())
    head = struct.pack(
        "<4sHH32s32sQQ",
        *(magic, version, len(vgpus) if count is None else count, node.encode(), lease.encode()),
        *(now, now + 600 if expires_at_s is None else expires_at_s),
    )
    body = head + b"".join(struct.pack("<16sQII", uuid, memory, compute, 0) for uuid, memory, compute in vgpus)
    return body + hmac.digest(key, body, "sha256")


def hello(
    ticket: bytes = b"",
    *,
    major: int = 1,
    minor: int = 0,
    arenas: Sequence[tuple[int, int]] = (),
    version: bytes = b"0.1.0",
) -> bytes:
    """The first bytes of a client. From `minor` 1 on it is one that can come back to its session."""
    return (
        struct.pack("<8sHHIII", MAGIC, major, minor, len(ticket), os.getpid(), len(arenas))
        + struct.pack("<16s64s64s", version, b"test-host", b"speaker")
        + b"".join(struct.pack("<QQ", address, size) for address, size in arenas)
        + ticket
    )


def handle(kind: int, index: int, generation: int = 1, session: int = 0) -> int:
    """A handle as clients mint it."""
    return 0x67 << 56 | kind << 50 | session << 44 | generation << 24 | index


class RefusedError(Exception):
    """The node did not open the session; the text is its sentence."""


class EndedError(Exception):
    """The worker has ended the connection."""


@dataclass(frozen=True)
class Device:
    """What the welcome says of a device, as far as tests look at it."""

    uuid: bytes
    name: str
    memory_bytes: int
    arena_address: int
    arena_bytes: int
    granularity: int
    attributes: tuple[int, ...]


@dataclass(frozen=True)
class Frame:
    """A received frame."""

    call: int
    flags: int
    sequence: int
    status: int
    arguments: bytes
    bulk: bytes


@dataclass
class Greeted:
    """A client that has said who it is and waits for its welcome."""

    socket: socket.socket

    @classmethod
    def connect(cls, address: str, ticket: bytes = b"", greeting: bytes | None = None) -> Greeted:
        """Connects and greets."""
        host, _, port = address.rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            connection.sendall(hello(ticket) if greeting is None else greeting)
        except BaseException:
            connection.close()
            raise
        return cls(connection)

    def close(self) -> None:
        """Goes without having been welcomed."""
        self.socket.close()

    def welcomed(self) -> Session:
        """The session, once the worker has answered. Raises `RefusedError`."""
        try:
            welcome = _WELCOME.unpack(_exactly(self.socket, _WELCOME.size))
            assert welcome[0] == MAGIC
            refused, text_bytes, count, session_id = welcome[3], welcome[4], welcome[5], welcome[7]
            if refused:
                raise RefusedError(_exactly(self.socket, text_bytes).decode())
            devices = [_device(_exactly(self.socket, _DEVICE.size)) for _ in range(count)]
        except BaseException:
            self.close()
            raise
        return Session(self.socket, devices, session_id, resume_key=welcome[12], grace_ms=welcome[10])


@dataclass
class Session:
    """An open session. `pushes` collects what the worker says on its own account."""

    socket: socket.socket
    devices: list[Device]
    session_id: int
    resume_key: int = 0
    grace_ms: int = 0
    pushes: list[Frame] = field(default_factory=list)
    acknowledgements: list[Frame] = field(default_factory=list)
    sequence: int = 0

    @classmethod
    def open(cls, address: str, ticket: bytes = b"", greeting: bytes | None = None) -> Session:
        """Connects and greets. Raises `RefusedError`."""
        return Greeted.connect(address, ticket, greeting).welcomed()

    def come_back(self, address: str, received: int, *, session_id: int | None = None, key: int | None = None) -> int:
        """Asks for the session over a new connection, having `received` so many bytes of the worker's stream.

        Answers how many of the client's the worker has. Raises `RefusedError`.
        """
        host, _, port = address.rpartition(":")
        connection = socket.create_connection((host, int(port)), timeout=PATIENCE_S)
        connection.sendall(
            _RESUME.pack(
                *(RESUME_MAGIC, self.session_id if session_id is None else session_id, 0),
                *(self.resume_key if key is None else key, received),
            )
        )
        try:
            magic, refused, text_bytes, worker_received = _RESUMED.unpack(_exactly(connection, _RESUMED.size))
            assert magic == RESUME_MAGIC
            if refused:
                raise RefusedError(_exactly(connection, text_bytes).decode())
        except BaseException:
            connection.close()
            raise
        self.socket.close()
        self.socket = connection
        return int(worker_received)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, call: int, arguments: bytes = b"", bulk: bytes = b"", *, flags: int = 0, context: int = 1) -> int:
        """Sends one frame; its sequence."""
        self.sequence += 1
        arguments += bytes(-len(arguments) % 8)
        header = _HEADER.pack(32 + len(arguments), call, flags, self.sequence, context, 0, len(bulk))
        self.socket.sendall(header + arguments + bulk)
        return self.sequence

    def ask(self, call: int, arguments: bytes = b"", bulk: bytes = b"", *, context: int = 1) -> Frame:
        """Sends a question and receives until its answer comes."""
        return self.answer_to(self.send(call, arguments, bulk, flags=WANTS_REPLY, context=context))

    def answer_to(self, sequence: int) -> Frame:
        """Receives until the answer to `sequence` comes."""
        while (frame := self.receive()).sequence != sequence or not frame.flags & REPLY:
            pass
        return frame

    def receive(self) -> Frame:
        """The next frame that is for a client; pushes are kept as well. Raises `EndedError`."""
        while (frame := self._receive()).call == ACKNOWLEDGE:
            self.acknowledgements.append(frame)
        return frame

    def _receive(self) -> Frame:
        frame_bytes, call, flags, sequence, _, status, bulk_bytes = _HEADER.unpack(_exactly(self.socket, 32))
        arguments = _exactly(self.socket, frame_bytes - 32)
        frame = Frame(call, flags, sequence, status, arguments, _exactly(self.socket, bulk_bytes))
        if flags & PUSH:
            self.pushes.append(frame)
        return frame

    def until_ended(self) -> None:
        """Reads until the worker ends the connection."""
        try:
            while True:
                self.receive()
        except EndedError:
            pass

    # -- the messages that tests need --------------------------------------------------------------------------------

    def begin(self, device: int = 0) -> None:
        """Makes the primary context of a device known as context 1 + device."""
        self.send(DEVICE_CONTEXT, struct.pack("<IIQII", 1, device, handle(KIND_CONTEXT, 1 + device), 0, 0), context=0)

    def map(self, offset: int, size: int, device: int = 0) -> int:
        """Maps memory at an offset of the arena; the CUresult."""
        address = self.devices[device].arena_address + offset
        return self.ask(MEMORY_MAP, struct.pack("<IIQQ", device, 0, address, size)).status

    def unmap(self, offset: int, size: int, device: int = 0) -> None:
        """Frees memory."""
        address = self.devices[device].arena_address + offset
        self.send(MEMORY_UNMAP, struct.pack("<IIQQ", device, 0, address, size))

    def memory_info(self, device: int = 0) -> tuple[int, int]:
        """Free and total bytes of the vGPU."""
        free, total = struct.unpack("<QQ", self.ask(MEMORY_INFO, struct.pack("<Q", device)).arguments)
        return free, total

    def write(self, offset: int, data: bytes) -> None:
        """Copies to the device, without waiting."""
        address = self.devices[0].arena_address + offset
        self.send(COPY_TO_DEVICE, struct.pack("<QQQII", address, len(data), 0, 0, 0), data)

    def read(self, offset: int, size: int) -> Frame:
        """Copies from the device."""
        address = self.devices[0].arena_address + offset
        return self.ask(COPY_TO_HOST, struct.pack("<QQQII", address, size, 0, 0, 0))

    def wait_for_context(self) -> int:
        """Waits for all work of context 1; the CUresult."""
        return self.ask(WAIT, struct.pack("<IIQ", 3, 0, handle(KIND_CONTEXT, 1))).status

    def goodbye(self) -> None:
        """Ends in good order."""
        self.send(GOODBYE)
        self.until_ended()


def _exactly(connection: socket.socket, count: int) -> bytes:
    received = bytearray()
    while len(received) < count:
        try:
            piece = connection.recv(count - len(received))
        except ConnectionResetError:
            piece = b""
        if not piece:
            raise EndedError(f"the connection ended after {len(received)} of {count} bytes")
        received += piece
    return bytes(received)


def _device(record: bytes) -> Device:
    values = _DEVICE.unpack(record)
    name = values[4].split(b"\0")[0].decode()
    return Device(values[0], name, *values[6:10], attributes=tuple(values[-160:]))
