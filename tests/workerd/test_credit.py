"""Memory without asking: what it costs, and that the limit stays exact. Programs use the client driver here."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from workerd import speaker as wire
from workerd.conftest import MIB, Agent, Node

MEMORY_CREDIT = 40

# A program that does what it is told, line by line, and answers each line.
_PROGRAM = """
import sys, threading; sys.path.insert(0, sys.argv[2])
from ctypes import c_uint, c_uint64, c_size_t, byref
from cuda.driver import Driver
d = Driver(sys.argv[1]); d.start()
def fill(size):
    made = []
    while True:
        pointer = c_uint64()
        code = d.code('cuMemAlloc_v2', byref(pointer), c_size_t(size))
        if code:
            assert code == 2, code
            return made
        made.append(pointer.value)
def behind_a_function(size):
    go, stream, pointer = threading.Event(), d.stream(1), d.allocate(size)
    rest = fill(2 << 20)
    kept = d.on_host(stream, lambda: go.wait(60) and None)
    d.check('cuMemsetD8Async', pointer, c_uint(1), size, stream)
    d.free(pointer)
    again = d.allocate(size)
    d.check('cuMemsetD8Async', again, c_uint(2), size, stream)
    go.set()
    d.check('cuStreamSynchronize', stream)
    return d.download(again, 4), len(rest)
for line in sys.stdin:
    print(repr(eval(line)), flush=True)
"""


class Program:
    """A CUDA program of a lease, in a process of its own."""

    def __init__(self, node: Node, native: Path, transport: str, ticket: bytes, statistics: Path | None = None) -> None:
        place = f"unix:{node.state / 'workerd.sock'}" if transport == "shm" else f"tcp:{node.tcp}"
        environment = {**os.environ, "GPOOL_ENDPOINTS": f"{place}?ticket={ticket.hex()}"}
        if statistics is not None:
            environment["GPOOL_STATS"] = str(statistics)
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, str(native / "client" / "libcuda.so.1"), str(Path(__file__).parents[1])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True,
        )  # fmt: skip

    def do(self, expression: str) -> Any:
        """What the expression is there."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(expression + "\n")
        self._process.stdin.flush()
        return eval(self._process.stdout.readline())

    def end(self) -> None:
        """In good order."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._process.stdout.close()

    def kill(self) -> None:
        """In any way."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


@pytest.fixture
def agent(node: Node) -> Agent:
    """The node's agent: tickets are good from here on."""
    return node.agent()


@pytest.fixture(params=["shm", "tcp"])
def program(request: pytest.FixtureRequest, node: Node, agent: Agent, native: Path) -> Iterator[Callable[..., Program]]:
    """Starts programs of one lease over one kind of connection."""
    started: list[Program] = []

    def start(memory: int = 64 * MIB, statistics: Path | None = None) -> Program:
        started.append(Program(node, native, request.param, node.ticket(memory=memory), statistics))
        return started[-1]

    yield start
    for one in started:
        one.kill()


def test_a_thousand_allocations_ask_a_few_times(program: Callable[..., Program], tmp_path: Path) -> None:
    statistics = tmp_path / "statistics.json"
    one = program(512 * MIB, statistics)
    one.do("[d.free(d.allocate(4 << 20)) for _ in range(1000)][0]")
    one.do("[d.free(p) for p in [d.allocate(4 << 20) for _ in range(4)]][0]")
    one.do("[d.check('cuMemFreeAsync', d.made('cuMemAllocAsync', c_uint64, 4 << 20, 0), 0) for _ in range(500)][0]")
    one.do("d.synchronize()")
    free, total = one.do("d.free_and_total()")
    assert (free, total) == (512 * MIB, 512 * MIB)
    one.end()
    counted = json.loads(statistics.read_text())
    assert counted["calls"]["cuMemAlloc_v2"] == 1004
    assert counted["calls"]["cuMemAllocAsync"] == 500
    assert counted["round_trips"] <= 6


def test_every_byte_of_the_limit_can_be_used_and_no_more(program: Callable[..., Program]) -> None:
    one = program()
    assert one.do("len(fill(2 << 20))") == 32
    assert one.do("d.free_and_total()") == (0, 64 * MIB)
    assert one.do("len(fill(1))") == 0  # not even a byte


def test_what_is_freed_is_there_again_and_out_of_memory_is_no_end(program: Callable[..., Program]) -> None:
    one = program()
    one.do("globals().update(made=fill(6 << 20))")
    assert one.do("len(made)") == 10
    assert one.do("d.free_and_total()[0]") == 4 * MIB
    one.do("[d.free(made.pop()) for _ in range(3)][0]")
    assert one.do("d.free_and_total()[0]") == 22 * MIB
    assert one.do("len(fill(22 << 20))") == 1
    assert one.do("d.free_and_total()[0]") == 0
    one.do("d.synchronize()")  # and no call has failed late


def test_small_blocks_leave_nothing_behind(program: Callable[..., Program]) -> None:
    one = program()
    one.do("globals().update(made=[d.allocate(1000) for _ in range(100)])")
    assert one.do("d.free_and_total()[0]") < 64 * MIB
    one.do("[d.free(p) for p in made][0]")
    assert one.do("d.free_and_total()[0]") == 64 * MIB
    assert one.do("len(fill(64 << 20))") == 1


def test_memory_that_a_stream_still_holds_is_waited_for_by_the_worker(program: Callable[..., Program]) -> None:
    """Nothing is left of the limit until a host function has returned, which the program lets go after allocating."""
    assert program().do("behind_a_function(8 << 20)") == (bytes([2] * 4), 28)


def test_an_idle_session_does_not_keep_what_it_was_granted(program: Callable[..., Program]) -> None:
    """Two programs of one lease: together they get exactly the limit, though one of them never wakes up again."""
    idle, other = program(), program()
    assert idle.do("len([d.allocate(2 << 20) for _ in range(3)])") == 3
    assert other.do("len(fill(2 << 20))") == 29
    assert idle.do("d.free_and_total()[0]") == 0
    assert idle.do("len(fill(2 << 20))") == 0
    idle.do("d.synchronize()")
    other.do("d.synchronize()")


def test_credit_comes_back_to_who_needs_it(program: Callable[..., Program]) -> None:
    one, other = program(), program()
    one.do("globals().update(kept=d.allocate(2 << 20))")
    assert other.do("[d.free(p) for p in fill(62 << 20)]") == [None]
    other.do("d.synchronize()")  # a free is heard of when the worker has come to it
    one.do("[d.free(d.allocate(2 << 20)) for _ in range(20)][0]")
    one.do("d.synchronize()")
    assert one.do("len(fill(62 << 20))") == 1
    assert other.do("len(fill(2 << 20))") == 0


def test_usage_counts_what_is_used_and_not_what_is_granted(program: Callable[..., Program], agent: Agent) -> None:
    one = program(512 * MIB)
    one.do("globals().update(kept=d.allocate(4 << 20))")
    assert one.do("d.free_and_total()") == (508 * MIB, 512 * MIB)
    usage: list[str] = []
    while not usage:
        usage = [values["bytes"] for word, values in agent.status() if word == "usage"]
    assert usage == [str(4 * MIB)]


def test_a_client_that_spends_what_it_was_not_granted_gets_no_more_than_the_limit(node: Node) -> None:
    node.agent()
    with node.open(node.ticket()) as session:
        session.begin()
        address = session.devices[0].arena_address
        for step in range(40):  # posts, as if there were credit for all of them
            session.send(wire.MEMORY_MAP, struct.pack("<IIQQ", 0, 1, address + step * 2 * MIB, 2 * MIB))
        assert session.memory_info() == (0, 64 * MIB)
        statuses = [push.status for push in session.pushes if push.call == wire.PUSH_ERROR]
        assert statuses == [2] * 8
        # Giving back what was never had changes nothing.
        session.send(MEMORY_CREDIT, struct.pack("<IIQQQ", 0, 1, 0, 0, 2**63))
        session.unmap(0, 2 * MIB)
        assert session.memory_info() == (2 * MIB, 64 * MIB)
