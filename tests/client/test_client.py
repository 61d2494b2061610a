"""What only the client has: leases, the wire's costs, lost workers, fork."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
from ctypes import byref, c_float, c_int, c_size_t, c_uint64, c_void_p
from pathlib import Path
from typing import Any

import pytest

from cuda import driver as cuda
from cuda.driver import Driver
from harness.workerd import Workerd

VECTOR_ADD = b"""
.version 7.0
.target sm_70
.address_size 64
.visible .entry vadd(.param .u64 a, .param .u64 b, .param .u64 c, .param .u32 n)
{
  .reg .pred %p<2>; .reg .f32 %f<4>; .reg .b32 %r<6>; .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [a]; ld.param.u64 %rd2, [b]; ld.param.u64 %rd3, [c]; ld.param.u32 %r1, [n];
  mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;
  mad.lo.s32 %r5, %r2, %r3, %r4;
  setp.ge.s32 %p1, %r5, %r1;
  @%p1 bra DONE;
  mul.wide.s32 %rd4, %r5, 4;
  add.s64 %rd5, %rd1, %rd4; add.s64 %rd6, %rd2, %rd4; add.s64 %rd7, %rd3, %rd4;
  ld.global.f32 %f1, [%rd5]; ld.global.f32 %f2, [%rd6];
  add.f32 %f3, %f1, %f2;
  st.global.f32 [%rd7], %f3;
DONE:
  ret;
}
"""


def _vector_add(driver: Driver, count: int = 1000) -> None:
    module, function = c_void_p(), c_void_p()
    driver.check("cuModuleLoadData", byref(module), VECTOR_ADD)
    driver.check("cuModuleGetFunction", byref(function), module, b"vadd")
    numbers = c_float * count
    left = c_uint64(driver.uploaded(bytes(numbers(*range(count)))))
    right = c_uint64(driver.uploaded(bytes(numbers(*(2 * i for i in range(count))))))
    total = c_uint64(driver.allocate(4 * count))
    length = c_int(count)
    parameters = (c_void_p * 4)(*(ctypes.addressof(value) for value in (left, right, total, length)))
    driver.check("cuLaunchKernel", function, -(-count // 128), 1, 1, 128, 1, 1, 0, None, parameters, None)
    sums = numbers.from_buffer_copy(driver.download(total.value, 4 * count))
    assert list(sums) == [3 * i for i in range(count)]
    for pointer in (left, right, total):
        driver.free(pointer.value)
    driver.check("cuModuleUnload", module)


def _counted(program: str, native: Path, workerd: Workerd, folder: Path) -> dict[str, Any]:
    """What the client counted in a program over shared memory; its arguments are the library and the tests' folder."""
    statistics = folder / "statistics.json"
    environment = os.environ | {"GPOOL_ENDPOINTS": f"unix:{workerd.unix_path}", "GPOOL_STATS": str(statistics)}
    library, tests = str(native / "client" / "libcuda.so.1"), str(Path(__file__).resolve().parents[1])
    subprocess.run([sys.executable, "-c", program, library, tests], env=environment, check=True, timeout=60)
    counted: dict[str, Any] = json.loads(statistics.read_text())
    return counted


def test_a_kernel_adds_two_vectors(driver: Driver) -> None:
    driver.start()
    _vector_add(driver)


def test_threads_work_side_by_side(driver: Driver) -> None:
    driver.start()
    context = c_void_p()
    driver.check("cuCtxGetCurrent", byref(context))
    failures: list[BaseException] = []

    def work() -> None:
        try:
            driver.check("cuCtxSetCurrent", context)
            for _ in range(5):
                _vector_add(driver)
        except BaseException as error:  # told by the main thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_large_copies_come_back_whole(driver: Driver) -> None:
    driver.start()
    data = os.urandom((5 << 20) + 13)
    pointer = driver.uploaded(data)
    assert driver.download(pointer, len(data)) == data
    pinned, stream = c_void_p(), c_void_p()
    driver.check("cuMemHostAlloc", byref(pinned), c_size_t(len(data)), 0)
    driver.check("cuStreamCreate", byref(stream), 1)
    driver.check("cuMemcpyDtoHAsync_v2", pinned, c_uint64(pointer), c_size_t(len(data)), stream)
    driver.check("cuStreamSynchronize", stream)
    assert ctypes.string_at(pinned, len(data)) == data
    driver.check("cuMemFreeHost", pinned)


@pytest.mark.environment(GPOOL_ENDPOINTS="ENDPOINT,ENDPOINT")
def test_two_nodes_are_one_list_of_devices(driver: Driver) -> None:
    driver.check("cuInit", 0)
    count = c_int()
    driver.check("cuDeviceGetCount", byref(count))
    assert count.value == 4
    reachable = c_int()
    driver.check("cuDeviceCanAccessPeer", byref(reachable), 0, 2)
    assert reachable.value == 0
    contexts = [c_void_p(), c_void_p()]
    for context, device in zip(contexts, (1, 3), strict=True):
        driver.check("cuDevicePrimaryCtxRetain", byref(context), device)
    driver.check("cuCtxSetCurrent", contexts[0])
    here = driver.uploaded(b"between two nodes")
    driver.check("cuCtxSetCurrent", contexts[1])
    there = driver.allocate(64)
    driver.check("cuMemcpy", c_uint64(there), c_uint64(here), c_size_t(17))
    assert driver.download(there, 17) == b"between two nodes"


def test_a_child_after_fork_is_not_initialised(driver: Driver) -> None:
    driver.start()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        os._exit(0 if driver.code("cuCtxSynchronize") == cuda.NOT_INITIALIZED else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    _vector_add(driver)


def test_a_training_step_asks_only_when_it_must(native: Path, workerd: Workerd, tmp_path: Path) -> None:
    """Launches, fills and questions about contexts cost no round trip."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from ctypes import *\n"
        "from cuda.driver import Driver\n"
        "d = Driver(sys.argv[1]); d.start(); p = d.allocate(1 << 20)\n"
        "for _ in range(500):\n"
        "  d.check('cuMemsetD8Async', c_uint64(p), c_uint(1), c_size_t(4096), None)\n"
        "  c = c_void_p(); d.check('cuCtxGetCurrent', byref(c))\n"
        "  a = c_int(); d.check('cuDeviceGetAttribute', byref(a), 16, 0)\n"
        "d.check('cuCtxSynchronize')\n"
    )
    counted = _counted(program, native, workerd, tmp_path)
    assert counted["calls"]["cuMemsetD8Async"] == 500
    assert counted["round_trips"] <= 3
    assert counted["wire_operations"] <= 510
    workerd.wait_until_idle()


@pytest.mark.parametrize("order", [("libcuda.so", "libcuda.so.1"), ("libcuda.so.1", "libcuda.so")])
def test_both_names_are_one_driver(native: Path, order: tuple[str, str]) -> None:
    """Programs that load it by both names have one session, not two."""
    program = (
        "import ctypes, sys\n"
        "drivers = [ctypes.CDLL(path) for path in sys.argv[1:]]\n"
        "assert len({ctypes.cast(driver.cuInit, ctypes.c_void_p).value for driver in drivers}) == 1\n"
    )
    paths = [str(native / "client" / name) for name in order]
    subprocess.run([sys.executable, "-c", program, *paths], check=True, timeout=60)


def test_what_is_between_profiler_calls_is_counted_apart(native: Path, workerd: Workerd, tmp_path: Path) -> None:
    """A second start and a stop without a start do nothing."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[2])\n"
        "from ctypes import *\n"
        "from cuda.driver import Driver\n"
        "d = Driver(sys.argv[1]); d.start(); p = d.allocate(4096)\n"
        "fill = lambda: d.check('cuMemsetD8Async', c_uint64(p), c_uint(1), c_size_t(16), None)\n"
        "fill(); d.check('cuProfilerStop')\n"
        "d.check('cuProfilerStart'); fill(); d.check('cuProfilerStart'); fill(); d.check('cuProfilerStop'); fill()\n"
        "d.check('cuProfilerStart'); d.check('cuCtxSynchronize'); d.check('cuProfilerStop')\n"
    )
    counted = _counted(program, native, workerd, tmp_path)
    assert counted["messages"]["cuMemsetD8Async"] == 4
    fills, wait = counted["profiled"]
    assert fills["messages"] == {"cuMemsetD8Async": 2}
    assert (fills["wire_operations"], fills["round_trips"]) == (2, 0)
    assert (wait["messages"], wait["wire_operations"], wait["round_trips"]) == ({"wait": 1}, 1, 1)
    assert sum(counted["messages"].values()) == counted["wire_operations"]
    workerd.wait_until_idle()


def test_a_replay_of_a_graph_is_one_operation_and_its_function_another(
    native: Path, workerd: Workerd, tmp_path: Path
) -> None:
    """Pinned and pageable copies cost nothing more near the GPU; a function is reached and answered."""
    program = (
        "import ctypes, sys; sys.path.insert(0, sys.argv[2])\n"
        "from ctypes import *\n"
        "from cuda.driver import Driver, HOST_FUNCTION\n"
        "d = Driver(sys.argv[1]); d.start(); p = d.allocate(4096); stream = d.stream(1)\n"
        "pinned = d.pinned(16); pageable = create_string_buffer(16); called = []\n"
        "function = HOST_FUNCTION(called.append)\n"
        "def graph(with_function):\n"
        "  d.check('cuStreamBeginCapture_v2', stream, 0)\n"
        "  d.check('cuMemcpyHtoDAsync_v2', p, pinned, 16, stream)\n"
        "  d.check('cuMemcpyDtoHAsync_v2', ctypes.addressof(pageable), p, 16, stream)\n"
        "  if with_function: d.check('cuLaunchHostFunc', stream, function, None)\n"
        "  made = d.made_last('cuStreamEndCapture', stream)\n"
        "  return d.made('cuGraphInstantiateWithFlags', c_void_p, made, 0)\n"
        "for one in (graph(False), graph(True)):\n"
        "  d.check('cuGraphLaunch', one, stream); d.check('cuStreamSynchronize', stream)\n"
        "  d.check('cuProfilerStart')\n"
        "  for _ in range(3): d.check('cuGraphLaunch', one, stream)\n"
        "  d.check('cuStreamSynchronize', stream); d.check('cuProfilerStop')\n"
        "assert len(called) == 4\n"
    )
    plain, function = _counted(program, native, workerd, tmp_path)["profiled"]
    assert (plain["messages"], plain["round_trips"]) == ({"cuGraphLaunch": 3, "wait": 1}, 1)
    assert function["messages"] == {"graph_launch": 3, "host_function_done": 3, "wait": 1}
    assert function["round_trips"] == 1
    workerd.wait_until_idle()


@pytest.mark.parametrize(
    ("variables", "code", "words"),
    [
        ({}, cuda.NO_DEVICE, "gpool run"),
        ({"GPOOL_ENDPOINTS": "unix:/nonexistent/workerd.sock"}, 802, "/nonexistent/workerd.sock"),
        ({"GPOOL_ENDPOINTS": "carrier-pigeon"}, 802, "carrier-pigeon"),
        ({"GPOOL_BROKER": "/nonexistent/broker.sock"}, 802, "/nonexistent/broker.sock"),
    ],
)
def test_without_a_gpu_one_sentence_says_what_to_do(
    native: Path, variables: dict[str, str], code: int, words: str
) -> None:
    program = "import ctypes, sys; d = ctypes.CDLL(sys.argv[1]); d.cuInit(0); print(d.cuInit(0))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(native / "client" / "libcuda.so.1")],
        env=os.environ | variables, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert int(done.stdout) == code
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_sticky_error_is_the_answer_of_every_call(driver: Driver) -> None:
    """Also of those that the client answers by itself."""
    context = driver.start()
    module, function = c_void_p(), c_void_p()
    driver.check("cuModuleLoadData", byref(module), VECTOR_ADD)
    driver.check("cuModuleGetFunction", byref(function), module, b"vadd")
    kept = driver.allocate(16)
    nowhere, length = c_uint64(64), c_int(1)
    parameters = (c_void_p * 4)(*(ctypes.addressof(value) for value in (nowhere, nowhere, nowhere, length)))
    driver.check("cuLaunchKernel", function, 1, 1, 1, 1, 1, 1, 0, None, parameters, None)
    assert driver.code("cuCtxSynchronize") == cuda.ILLEGAL_ADDRESS
    assert driver.code("cuMemAlloc_v2", byref(c_void_p()), 16) == cuda.ILLEGAL_ADDRESS
    assert driver.code("cuMemFree_v2", kept) == cuda.ILLEGAL_ADDRESS
    assert driver.code("cuStreamSynchronize", 0) == cuda.ILLEGAL_ADDRESS
    assert context


def test_a_host_function_sees_the_copies_before_it(driver: Driver) -> None:
    """Copies to pinned memory land before the function that follows them in the stream, without a synchronisation."""
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    size = 5 << 20
    pointer = driver.uploaded(b"\x05" * size)
    host = driver.pinned(size)
    seen: list[bytes] = []
    called = threading.Event()

    def look() -> None:
        seen.append(ctypes.string_at(host, size))
        called.set()

    for _ in range(20):
        ctypes.memset(host, 0, size)
        called.clear()
        driver.check("cuMemcpyDtoHAsync_v2", host, pointer, size, stream)
        kept = driver.on_host(stream, look)
        assert called.wait(60)
        assert seen.pop() == b"\x05" * size
    del kept


def test_a_stream_waits_for_what_the_caller_does_after_the_call(driver: Driver) -> None:
    """Two functions in two streams, each held up until the thread that queued them goes on."""
    driver.start()
    go = threading.Event()
    order: list[int] = []
    kept = []
    streams = [driver.stream(cuda.NON_BLOCKING) for _ in range(2)]
    for number, stream in enumerate(streams):
        kept.append(driver.on_host(stream, lambda: go.wait(60) and None))
        kept.append(driver.on_host(stream, lambda number=number: order.append(number)))
    assert driver.code("cuStreamQuery", streams[0]) == cuda.NOT_READY
    go.set()
    for stream in streams:
        driver.check("cuStreamSynchronize", stream)
    assert sorted(order) == [0, 1]


def test_a_graph_lists_its_nodes_and_edges(driver: Driver) -> None:
    """Those that were added have the handles that adding gave; those of a capture get handles when they are listed."""
    driver.start()
    graph = driver.made("cuGraphCreate", c_void_p, 0)
    first = driver.made("cuGraphAddEmptyNode", c_void_p, graph, None, 0)
    second = driver.made("cuGraphAddEmptyNode", c_void_p, graph, (c_void_p * 1)(first), 1)
    third = driver.made("cuGraphAddEmptyNode", c_void_p, graph, None, 0)
    driver.check("cuGraphAddDependencies", graph, (c_void_p * 1)(second), (c_void_p * 1)(third), 1)
    count, nodes = c_size_t(5), (c_void_p * 5)()
    driver.check("cuGraphGetNodes", graph, nodes, byref(count))
    assert (count.value, list(nodes)) == (3, [first, second, third, None, None])
    edges, sources, targets = c_size_t(2), (c_void_p * 2)(), (c_void_p * 2)()
    driver.check("cuGraphGetEdges", graph, sources, targets, byref(edges))
    assert set(zip(sources, targets, strict=True)) == {(first, second), (second, third)}
    driver.check("cuGraphDestroy", graph)
    assert driver.code("cuGraphGetNodes", graph, None, byref(count)) == cuda.INVALID_VALUE
    kind = c_int()
    assert driver.code("cuGraphNodeGetType", first, byref(kind)) == cuda.INVALID_VALUE

    stream = driver.stream(cuda.NON_BLOCKING)
    pointer = driver.allocate(16)
    driver.check("cuStreamBeginCapture_v2", stream, 0)
    driver.check("cuMemsetD8Async", pointer, c_int(1), 16, stream)
    captured = driver.made_last("cuStreamEndCapture", stream)
    count, nodes = c_size_t(1), (c_void_p * 1)()
    for _ in range(2):
        driver.check("cuGraphGetNodes", captured, nodes, byref(count))
        driver.check("cuGraphNodeGetType", nodes[0], byref(kind))
        assert kind.value == 2
    driver.check("cuGraphDestroy", captured)


SPIN = b"""
.version 7.0
.target sm_70
.address_size 64
.visible .entry spin(.param .u64 flag)
{
  .reg .pred %p<2>; .reg .b32 %r<2>; .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [flag];
AGAIN:
  ld.volatile.global.u32 %r1, [%rd1];
  setp.eq.u32 %p1, %r1, 0;
  @%p1 bra AGAIN;
  st.global.u32 [%rd1+4], %r1;
  ret;
}
"""


@pytest.mark.parametrize("driver", ["shm"], indirect=True)
def test_near_the_gpu_pinned_memory_is_one_memory(driver: Driver) -> None:
    """A running kernel sees what the program writes, and a copy reads its source when the stream gets there."""
    driver.start()
    stream = driver.stream(cuda.NON_BLOCKING)
    host, pointer = driver.pinned(4096), driver.allocate(4)
    words = (ctypes.c_uint32 * 3).from_address(host)
    driver.launch(driver.function(driver.module(SPIN), "spin"), arguments=[host], stream=stream)
    driver.check("cuMemcpyHtoDAsync_v2", pointer, host + 8, 4, stream)
    assert driver.code("cuStreamQuery", stream) == cuda.NOT_READY
    words[2] = 77
    words[0] = 5
    driver.check("cuStreamSynchronize", stream)
    assert words[1] == 5
    assert driver.download(pointer, 4) == (77).to_bytes(4, "little")


def test_copies_of_pinned_memory_near_the_gpu_do_not_travel(native: Path, workerd: Workerd, tmp_path: Path) -> None:
    program = (
        "import ctypes, sys; sys.path.insert(0, sys.argv[2])\n"
        "from cuda.driver import Driver\n"
        "d = Driver(sys.argv[1]); d.start(); size = 64 << 20\n"
        "a, b, p = d.pinned(size), d.pinned(size), d.allocate(size)\n"
        "ctypes.memset(a, 7, size)\n"
        "d.check('cuMemcpyHtoDAsync_v2', p, a, size, 0); d.check('cuMemcpyDtoHAsync_v2', b, p, size, 0)\n"
        "d.synchronize(); assert ctypes.string_at(b, size) == bytes([7]) * size\n"
        "d.check('cuMemcpyDtoH_v2', a, p, size); d.check('cuMemFreeHost', a); d.check('cuMemFreeHost', b)\n"
    )
    counted = _counted(program, native, workerd, tmp_path)
    assert counted["bytes_sent"] + counted["bytes_received"] < 64 << 10
    assert counted["round_trips"] <= 7
    workerd.wait_until_idle()


@pytest.mark.parametrize("ending", ["ctypes.CDLL(None).exit(3)", "sys.exit(4)", "pass"])
def test_every_exit_says_goodbye(native: Path, workerd: Workerd, ending: str) -> None:
    """Whatever status a program leaves with, its session is closed and not lost."""
    library = str(native / "client" / "libcuda.so.1")
    program = f"import ctypes, sys\nassert ctypes.CDLL({library!r}).cuInit(0) == 0\n{ending}\n"
    environment = {**os.environ, "GPOOL_ENDPOINTS": f"unix:{workerd.unix_path}"}
    with subprocess.Popen([sys.executable, "-c", program], env=environment) as process:
        process.wait(60)
    while (line := workerd.wait_for("session")).values.get("client") != str(process.pid):
        pass
    session = line.values["id"]
    while (line := workerd.wait_for("session")).values["id"] != session or line.values["state"] != "closed":
        pass
    assert line.values["reason"] == "client-closed"
