"""A broker and a node that say what a test tells them, spoken to over real sockets as docs/internals describes."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

HELLO = struct.Struct("<8sHHIII16s64s64s")
WELCOME = struct.Struct("<8sHHIIIiI16sQQQ")
FRAME = struct.Struct("<IHHQIiQ")
ATTRIBUTES, NO_ATTRIBUTE = 160, -(2**31)
GOODBYE, MEMORY_INFO, DEVICE_USAGE, REPLY = 1, 7, 27, 2


@dataclass
class Process:
    """What a node says about a process that uses a vGPU. Memory in bytes."""

    pid: int
    used: int
    busy_permille: int = 0
    host: str = field(default_factory=socket.gethostname)

    def record(self) -> bytes:
        """wire::ProcessUsage."""
        return struct.pack("<IIQ64s", self.pid, self.busy_permille, self.used, self.host.encode())


@dataclass
class Device:
    """What a node says about one vGPU. Memory in bytes."""

    uuid: bytes
    name: str
    bus: int
    memory: int
    used: int = 0
    peers: int = 0
    attributes: dict[int, int] = field(default_factory=dict)
    busy_permille: int = 0
    processes: list[Process] = field(default_factory=list)

    def record(self) -> bytes:
        """wire::DeviceRecord."""
        values = [self.attributes.get(number, NO_ATTRIBUTE) for number in range(ATTRIBUTES)]
        parts = [
            struct.pack(
                "<16s8sII128s32s", self.uuid, bytes(8), 0, 0, self.name.encode(), f"0000:{self.bus:02x}:00.0".encode()
            ),
            struct.pack("<QQQQii16Q", self.memory, 1 << 40, 1 << 36, 2 << 20, 0, -5, *([2**64 - 1] * 16)),
            struct.pack(f"<II{ATTRIBUTES}i", 1000, self.peers, *values),
        ]
        return b"".join(parts)


def _receive(connection: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise EOFError
        data += more
    return data


class Node:
    """A worker that knows its devices and answers memory_info and device_usage."""

    def __init__(self, devices: list[Device]) -> None:
        self.devices = devices
        self.sessions = 0
        self.goodbyes = 0
        self.refusal = ""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def close(self) -> None:
        """Ends the listener and waits for every session."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        while self.threads:
            self.threads.pop().join(timeout=30)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.threads.append(threading.Thread(target=self._serve, args=(connection,)))
            self.threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                self._greet(connection)
                while True:
                    self._answer(connection)
            except (EOFError, OSError):
                return

    def _greet(self, connection: socket.socket) -> None:
        hello = HELLO.unpack(_receive(connection, HELLO.size))
        _receive(connection, 16 * hello[5] + hello[3])
        text = self.refusal.encode()
        count = 0 if text else len(self.devices)
        welcome = WELCOME.pack(b"gpool-w1", 1, 0, bool(text), len(text), count, 13000, 1, b"test", 0, 0, 0)
        connection.sendall(welcome + (text or b"".join(device.record() for device in self.devices)))
        if text:
            raise EOFError
        self.sessions += 1

    def _answer(self, connection: socket.socket) -> None:
        size, call, _, sequence, _, _, bulk = FRAME.unpack(_receive(connection, FRAME.size))
        arguments = _receive(connection, size - FRAME.size)
        _receive(connection, bulk)
        self.goodbyes += call == GOODBYE
        if call not in (MEMORY_INFO, DEVICE_USAGE):
            return
        device = self.devices[struct.unpack("<Q", arguments)[0]]
        reply = struct.pack("<QQ", device.memory - device.used, device.memory)
        if call == DEVICE_USAGE:
            reply = struct.pack("<II", device.busy_permille, len(device.processes))
            reply += b"".join(process.record() for process in device.processes)
        connection.sendall(FRAME.pack(FRAME.size + len(reply), call, REPLY, sequence, 0, 0, 0) + reply)


class Broker:
    """Answers every `open` with the same text."""

    def __init__(self, path: Path, answer: str) -> None:
        self.path, self.answer = path, answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def close(self) -> None:
        """Ends the listener and its thread, and removes the socket."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(timeout=30)
        self.path.unlink()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                while not connection.recv(4096).endswith(b"\n"):
                    pass
                connection.sendall(self.answer.encode())


def uuid_text(uuid: bytes) -> str:
    """GPU-8-4-4-4-12, as NVML prints it."""
    text = uuid.hex()
    return "GPU-" + "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def lease_text(nodes: list[Node]) -> str:
    """What a broker says about a lease of all devices of these nodes."""
    lines = ["lease id=l-test"]
    for number, node in enumerate(nodes):
        lines.append(f"session node=node-{number} unix=- tcp={node.address} ticket=00 transport=auto")
    for number, node in enumerate(nodes):
        for device in node.devices:
            lines.append(f"vgpu session={number} uuid={uuid_text(device.uuid)} memory={device.memory} compute=1000")
    return "\n".join([*lines, "end", ""])


@contextmanager
def pool(folder: Path, *devices_of_nodes: list[Device]) -> Iterator[tuple[Broker, list[Node]]]:
    """Nodes with these devices, and a broker whose lease is all of them."""
    nodes = [Node(devices) for devices in devices_of_nodes]
    broker = Broker(folder / "broker.sock", lease_text(nodes))
    try:
        yield broker, nodes
    finally:
        broker.close()
        for node in nodes:
            node.close()
