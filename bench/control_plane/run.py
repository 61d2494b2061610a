"""What a controller on this machine carries, through the real API and store: agents that report, leases placed.

    python bench/control_plane/run.py [--agents 1000] [--leases 5000] [--askers 64] [--json FILE]

Three kinds of processes share the machine: the controller (`gpool controller` on SQLite), the simulated agents (real
WebSockets; each has 8 GPUs, reports every 5 s, and confirms whatever is desired of it), and this one, which asks.
`placed` counts requests whose answer is an active lease. Latencies are seen by the asker, connection kept alive.
"""

# ruff: noqa: T201 (a program that talks to people)

import argparse
import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
GIB = 1 << 30
GPUS = 8
CALM, PLACE, RELEASE = "calm, agents reporting", "POST /leases", "DELETE /leases/ID"


def _uuid(node: int, gpu: int) -> str:
    return f"GPU-{node:08x}-0000-4000-8000-{gpu:012x}"


# ---- agents --------------------------------------------------------------------------------------------------------


async def _agent(url: str, token: str, number: int, ready: asyncio.Semaphore) -> None:
    from websockets.asyncio.client import connect

    name = f"node-{number:05}"
    gpus = [
        {"uuid": _uuid(number, index), "index": index, "name": "Simulated", "memory_bytes": 80 * GIB, "emulated": True}
        for index in range(GPUS)
    ]
    use = [{"gpu_uuid": gpu["uuid"], "memory_used_bytes": GIB, "compute_busy_permille": 500} for gpu in gpus]
    heartbeat = json.dumps({"kind": "heartbeat", "gpu_use": use})
    address = url.replace("http", "ws", 1) + "/api/v1/agents/connect"
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(address, additional_headers=headers, proxy=None, compression=None, open_timeout=60) as socket:
        from gpool.channel.messages import PROTOCOL

        hello = {"protocol": PROTOCOL, "version": "0.1.0", "node": name, "boot_id": name, "generation": 1}
        await socket.send(json.dumps({"kind": "hello", **hello}))
        counter = 0

        async def beat() -> None:
            while True:
                await asyncio.sleep(5)
                await socket.send(heartbeat)

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(beat())
            while True:
                heard = json.loads(await socket.recv())
                if heard["kind"] == "refused":
                    raise SystemExit(heard["reason"])
                if heard["kind"] != "desired":
                    continue
                counter += 1
                observed = {"counter": counter, "desired_counter": heard["counter"], "gpus": gpus, "gpu_use": use}
                await socket.send(json.dumps({"kind": "observed", "tcp": "127.0.0.1:4000", **observed}))
                if counter == 1:
                    ready.release()


async def _agents(url: str, token: str, count: int) -> None:
    ready = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(_agent(url, token, number, ready))
            if number % 50 == 49:
                await asyncio.sleep(0.2)
        for _ in range(count):
            await ready.acquire()
        print("ready", flush=True)


# ---- asking --------------------------------------------------------------------------------------------------------


class Asker:
    """One kept connection."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._where = (host, port)
        self._head = f"Host: {host}\r\nAuthorization: Bearer {token}\r\n"

    async def __aenter__(self) -> "Asker":
        self._reader, self._writer = await asyncio.open_connection(*self._where)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def ask(self, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        self._writer.write(f"{method} {path} HTTP/1.1\r\n{self._head}{kind}\r\n".encode() + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        return int(head[9:12]), await self._reader.readexactly(int(length.split(b":")[1]))


class Figures:
    """Latencies of one kind of request."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def time(self, work: Awaitable[tuple[int, bytes]]) -> tuple[int, bytes]:
        begun = time.perf_counter()
        answer = await work
        self.seconds.append(time.perf_counter() - begun)
        return answer

    def summary(self) -> dict[str, float]:
        ordered = sorted(self.seconds)
        at = lambda part: 1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))]  # noqa: E731
        return {"n": len(ordered), "p50_ms": at(0.5), "p99_ms": at(0.99), "most_ms": 1000 * ordered[-1]}


async def _many(count: int, askers: list[Asker], work: Callable[[Asker, int], Awaitable[None]]) -> float:
    """Do `work` for each number below `count`, one after the other on each connection; returns how long it took (s)."""
    numbers = iter(range(count))

    async def one(asker: Asker) -> None:
        for number in numbers:
            await work(asker, number)

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for asker in askers:
            tasks.create_task(one(asker))
    return time.perf_counter() - begun


async def _measure(url: str, token: str, leases: int, connections: int, quiet_s: float) -> dict[str, Any]:
    host, _, port = url.removeprefix("http://").rpartition(":")
    results: dict[str, Any] = {}
    body = json.dumps({"memory_bytes": 4 * GIB, "command": "bench"}).encode()
    async with contextlib.AsyncExitStack() as stack:
        askers = [await stack.enter_async_context(Asker(host, int(port), token)) for _ in range(connections)]
        reads = {
            path: Figures() for path in ("/api/v1/leases?limit=100", "/api/v1/nodes/node-00000", "/api/v1/version")
        }
        until = time.perf_counter() + quiet_s
        while time.perf_counter() < until:
            for path, figures in reads.items():
                status, _ = await figures.time(askers[0].ask("GET", path))
                assert status == 200, (path, status)
            await asyncio.sleep(0.02)
        results[CALM] = {path: figures.summary() for path, figures in reads.items()}
        made: list[str] = []
        asking, active = Figures(), 0

        async def place(asker: Asker, _number: int) -> None:
            nonlocal active
            status, answer = await asking.time(asker.ask("POST", "/api/v1/leases", body))
            assert status == 201, answer
            lease = json.loads(answer)
            made.append(lease["id"])
            active += lease["state"] == "active"

        took_s = await _many(leases, askers, place)
        results[PLACE] = {**asking.summary(), "placed": active, "per_s": active / took_s}
        giving = Figures()

        async def release(asker: Asker, number: int) -> None:
            status, answer = await giving.time(asker.ask("DELETE", f"/api/v1/leases/{made[number]}"))
            assert status == 200, answer

        took_s = await _many(leases, askers, release)
        results[RELEASE] = {**giving.summary(), "per_s": leases / took_s}
    return results


def _line(process: subprocess.Popen[str], beginning: str) -> str:
    assert process.stdout is not None
    while line := process.stdout.readline():
        if line.startswith(beginning):
            return line.strip()
    raise SystemExit(f"{process.args!r} ended with {process.wait()} before it said {beginning!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--leases", type=int, default=5000)
    parser.add_argument("--askers", type=int, default=64)
    parser.add_argument("--calm", type=float, default=15.0, metavar="S", help="measure the API so long before asking")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve-agents", nargs=2, metavar=("URL", "TOKEN"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve_agents:
        asyncio.run(_agents(*given.serve_agents, given.agents))
        return
    load = os.getloadavg()
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:

        def start(*command: str) -> subprocess.Popen[str]:
            with open(Path(folder, "log"), "ab") as log:
                process = subprocess.Popen(
                    [sys.executable, *command], env=environment, stdout=subprocess.PIPE, stderr=log, text=True
                )
            stack.callback(process.wait)
            stack.callback(process.send_signal, signal.SIGTERM)
            return process

        controller = start(
            *("-m", "gpool", "controller", "--listen", "127.0.0.1:0", "--state", folder, "--rate-limit", "0"),
            *("--no-client-file", "--log-level", "warning"),
        )
        url = _line(controller, "The API is at ").removeprefix("The API is at ")
        join, admin = (Path(folder, f"{name}.token").read_text().strip() for name in ("join", "admin"))
        begun = time.perf_counter()
        if given.agents:
            agents = start(__file__, "--agents", str(given.agents), "--serve-agents", url, join)
            _line(agents, "ready")
        joined_s = time.perf_counter() - begun
        results = asyncio.run(_measure(url, admin, given.leases, given.askers, given.calm))
    lines = [
        f"{os.cpu_count()} cores, load before {load[0]:.2f}; {given.agents} agents joined in {joined_s:.1f} s; "
        f"{given.askers} connections",
        "",
        "| request | n | p50 ms | p99 ms | most ms | per second |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    calm, placing, releasing = (results[name] for name in (CALM, PLACE, RELEASE))
    for name, found in [
        *((f"GET {path}", value) for path, value in calm.items()),
        (PLACE, placing),
        (RELEASE, releasing),
    ]:
        figures = [f"{found[part]:.1f}" for part in ("p50_ms", "p99_ms", "most_ms")]
        rate = f"{found['per_s']:.0f}" if "per_s" in found else ""
        lines.append("| " + " | ".join([name, str(found["n"]), *figures, rate]) + " |")
    lines += ["", f"placed: {placing['placed']} of {placing['n']}"]
    print("\n".join(lines))
    if given.json:
        given.json.write_text(
            json.dumps({"cores": os.cpu_count(), "load": load, "joined_s": joined_s, **results}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
