"""The broker, asked by the processes of a command."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

from fake_controller import GPU, PATIENCE_S, FakeController
from launcher_process import ASK, GpoolRun

from gpool.hardware.host import boot_id
from gpool.launch.broker import Broker, answer_lines, bind_broker

ANSWER = (
    "lease id=l-1\n"
    "session node=node-a unix=- tcp=127.0.0.1:41234 ticket=00000001 transport=tcp\n"
    f"vgpu session=0 uuid={GPU} memory=8589934592 compute=1000\n"
    "end\n"
)


def test_the_answer_that_opens_sessions(gpool_run: GpoolRun, controller: FakeController) -> None:
    controller.renew_every_s = 60.0
    done = gpool_run.python(ASK + "sys.stdout.write(ask())", "--transport", "tcp")
    assert done.stdout == ANSWER


def test_grandchildren_are_answered_too(gpool_run: GpoolRun, controller: FakeController, tmp_path: Path) -> None:
    controller.renew_every_s = 60.0
    program = tmp_path / "ask.py"
    program.write_text(ASK + "sys.stdout.write(ask())")
    ask = f"{sys.executable} {program}"
    done = gpool_run("--transport", "tcp", "--", "bash", "-c", f"({ask} & {ask} & bash -c '{ask}' & wait)")
    assert sorted(done.stdout.splitlines()) == sorted((ANSWER * 3).splitlines())


def test_the_unix_socket_of_this_host_is_offered(
    gpool_run: GpoolRun, controller: FakeController, tmp_path: Path
) -> None:
    path = tmp_path / "workerd.sock"
    path.touch()
    controller.host_id, controller.unix_path = boot_id(), str(path)
    assert f"unix={path} tcp=127.0.0.1:41234" in gpool_run.python(ASK + "print(ask())").stdout
    # Another host's socket may have a path that exists here as well.
    controller.host_id = "another-host"
    assert "unix=- tcp=127.0.0.1:41234" in gpool_run.python(ASK + "print(ask())").stdout


def test_a_node_without_any_way_to_it(gpool_run: GpoolRun, controller: FakeController) -> None:
    leaseless = answer_lines(
        {"id": "l-1", "vgpus": []}, [{"node": "n", "ticket": "", "vgpus": [], "tcp": None}], "auto", ""
    )
    assert leaseless.startswith("error node n offers no way to its GPUs")


def test_two_nodes_are_two_sessions() -> None:
    def vgpu(ordinal: int, node: str) -> dict[str, object]:
        return {"ordinal": ordinal, "node": node, "gpu_uuid": f"GPU-{node}", "memory_bytes": 1, "compute_permille": 500}

    lease = {"id": "l-2", "vgpus": [vgpu(0, "b"), vgpu(1, "a"), vgpu(2, "b")]}
    sessions = [
        {"node": "b", "tcp": "b:1", "ticket": "0b", "vgpus": [0, 2]},
        {"node": "a", "tcp": "a:1", "ticket": "0a", "vgpus": [1]},
    ]
    assert answer_lines(lease, sessions, "auto", "host").splitlines() == [
        "lease id=l-2",
        "session node=b unix=- tcp=b:1 ticket=0b transport=auto",
        "session node=a unix=- tcp=a:1 ticket=0a transport=auto",
        "vgpu session=0 uuid=GPU-b memory=1 compute=500",
        "vgpu session=1 uuid=GPU-a memory=1 compute=500",
        "vgpu session=0 uuid=GPU-b memory=1 compute=500",
        "end",
    ]


def test_questions_that_are_none_are_refused_in_one_line(gpool_run: GpoolRun) -> None:
    program = """
garbage = (b"GET / HTTP/1.1\\n", b"\\n", b"\\xff\\x00\\n", b"x" * 3000 + b"\\n")
for question in (b"open version=2 pid=1\\n", b"open\\n", *garbage):
    sys.stdout.write(ask(question))
"""
    lines = gpool_run.python(ASK + program).stdout.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("error ") for line in lines)
    assert "version 2" in lines[0]


def test_a_client_that_says_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    path = str(tmp_path / "b.sock")
    broker = Broker(bind_broker(path), lambda _asker: "end\n")
    broker.start()
    try:
        with socket.socket(socket.AF_UNIX) as silent, socket.socket(socket.AF_UNIX) as client:
            silent.connect(path)
            client.settimeout(PATIENCE_S)
            client.connect(path)
            client.sendall(b"open version=1\n")
            assert client.recv(100) == b"end\n"
    finally:
        broker.close()
