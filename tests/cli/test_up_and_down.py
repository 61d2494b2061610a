"""`gpool up` and `gpool down`, with a real controller and real agents."""

from __future__ import annotations

import os
import signal
import socket
import stat
from pathlib import Path

import pytest
from gpool_home import GpoolHome


def test_a_pool_comes_up_is_found_again_and_goes_down(home: GpoolHome) -> None:
    up = home("up", "--emulate", "2", "--emulate-memory", "1GiB", "--port", "0")
    assert up.returncode == 0, up.stderr
    assert "The pool is running on this machine.\n" in up.stdout
    assert "node-a: Emulated GPU 1 GiB, Emulated GPU 1 GiB" in up.stdout
    client = home.config / "gpool" / "client.toml"
    assert stat.S_IMODE(client.stat().st_mode) == 0o600

    again = home("up")
    assert again.returncode == 0
    assert again.stdout == up.stdout.replace("machine.\n", "machine already.\n", 1)
    assert home("up", "--emulate", "2").returncode == 0

    other = home("up", "--emulate", "3")
    assert other.returncode == 125
    assert "is running on this machine already, with --emulate 2; stop it with `gpool down` first" in other.stderr

    down = home("down")
    assert (down.returncode, down.stdout, down.stderr) == (0, "The pool is stopped.\n", "")
    assert home.processes() == []
    assert [path.name for path in (home.runtime / "gpool").iterdir()] == ["up.lock"]
    assert home("down").stdout == "No pool is running on this machine.\n"


def test_a_machine_without_gpus(home: GpoolHome) -> None:
    if Path("/dev/nvidiactl").exists():
        pytest.skip("this machine has GPUs")
    done = home("up")
    assert done.returncode == 125
    assert done.stderr.startswith("gpool: this machine has no GPU to offer:")
    assert "gpool up --emulate 1" in done.stderr


def test_a_port_in_use(home: GpoolHome) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = home("up", "--emulate", "1", "--port", str(port))
    assert done.returncode == 125
    assert f"port {port} on 127.0.0.1 is in use" in done.stderr
    assert "controller ended at its start; its last lines stand above" in done.stderr
    assert home.processes() == []


def test_what_cannot_be(home: GpoolHome) -> None:
    for words, sentence in (
        (["--emulate", "0"], "0 emulated GPUs cannot be"),
        (["--emulate", "1", "--nodes", "0"], "--nodes 0 cannot be"),
        (["--emulate-memory", "2GiB"], "it needs --emulate N"),
        (["--emulate", "1", "--emulate-memory", "2XB"], "'2XB' is not a memory size"),
        (["--emulate", "1", "--port", "70000"], "70000 is not in the range"),
    ):
        done = home("up", *words)
        assert done.returncode == 125
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1


def test_what_has_died_is_started_again(home: GpoolHome) -> None:
    """The agent is killed: its workerd stays, and `up` starts another agent; `down` ends a workerd without agent."""
    up = ["up", "--emulate", "1", "--port", "0"]
    assert home(*up).returncode == 0
    pid_file = home.runtime / "gpool" / "agent-node-a.pid"
    before = int(pid_file.read_text().split()[0])
    os.kill(before, signal.SIGKILL)
    assert home(*up).returncode == 0
    after = int(pid_file.read_text().split()[0])
    assert after != before
    controller = home.runtime / "gpool" / "controller.pid"
    os.kill(int(controller.read_text().split()[0]), signal.SIGKILL)
    assert home(*up).returncode == 0
    assert home("run", "--", "true").returncode == 0
    assert int(pid_file.read_text().split()[0]) == after
    os.kill(after, signal.SIGKILL)
    assert home("down").returncode == 0
    assert home.processes() == []


def test_another_pools_client_file_is_left_alone(home: GpoolHome) -> None:
    client = home.config / "gpool" / "client.toml"
    client.parent.mkdir(parents=True)
    client.write_text('api = "https://gpus.example"\ntoken = "mine"\n')
    up = home("up", "--emulate", "1", "--port", "0")
    assert up.returncode == 0, up.stderr
    assert "is about another pool and was left alone" in up.stdout
    assert client.read_text() == 'api = "https://gpus.example"\ntoken = "mine"\n'


def test_leases_and_tokens_outlive_a_restart(home: GpoolHome) -> None:
    up = ["up", "--emulate", "1", "--port", "0"]
    assert home(*up).returncode == 0
    secret = home("token", "create", "alice").stdout.strip()
    home("run", "--", "true")
    home("down")
    assert home(*up).returncode == 0
    assert [lease["state"] for lease in home.json("ps", "--all")] == ["ended"]
    done = home("run", "--", "true", GPOOL_TOKEN=secret)
    assert (done.returncode, done.stderr) == (0, "")
