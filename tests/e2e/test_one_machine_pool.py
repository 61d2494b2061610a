"""A program that owns no GPU asks the driver for devices, and gets those of its lease."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from gpool_home import PATIENCE_S, GpoolHome

DEVICES = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name('devices.py')))}"
MIB = 1 << 20


def run_devices(pool: GpoolHome, *words: str, program: str = DEVICES) -> list[dict[str, int]]:
    """What `devices.py` finds under `gpool run WORDS`."""
    done = pool("run", *words, "--", "bash", "-c", program)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    devices: list[dict[str, int]] = json.loads(done.stdout)
    return devices


def hold(pool: GpoolHome, *words: str) -> subprocess.Popen[str]:
    """A program that holds 64 MiB on each of its devices; what it found is read already."""
    process = pool.hold(*words, program=f"exec {DEVICES} hold")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())
    return process


def memory_used(pool: GpoolHome, node: str) -> int:
    """Bytes that leases use on the node's GPU, as its last heartbeat said."""
    (gpu,) = pool.json("smi", "--node", node)
    return sum(vgpu["memory_used_bytes"] for vgpu in gpu["vgpus"])


@pytest.mark.parametrize("transport", ["shm", "tcp", "auto"])
def test_a_vgpu_is_a_device_of_its_size(transport: str, pool: GpoolHome) -> None:
    (device,) = run_devices(pool, "--memory", "512MiB", "--transport", transport)
    assert device["total"] == 512 * MIB


def test_a_whole_gpu(pool: GpoolHome) -> None:
    (device,) = run_devices(pool)
    assert device["total"] == 2048 * MIB


def test_two_nodes_are_two_devices(pool: GpoolHome) -> None:
    assert len(run_devices(pool, "--gpus", "2")) == 2


def test_children_and_grandchildren_share_the_lease(pool: GpoolHome) -> None:
    program = f"bash -c '{DEVICES}; true'"
    (device,) = run_devices(pool, "--memory", "256MiB", program=program)
    assert device["total"] == 256 * MIB


def test_memory_and_sessions_are_seen_while_it_runs_and_gone_after(pool: GpoolHome) -> None:
    process = hold(pool, "--memory", "256MiB", "--node", "node-a")
    for _ in range(int(PATIENCE_S)):  # heartbeats come every few seconds; each look takes a while
        if memory_used(pool, "node-a"):
            break
    assert memory_used(pool, "node-a") == 64 * MIB
    (lease,) = pool.json("ps")
    assert [session["lease"] for session in lease["sessions"]] == [process.lease]
    process.communicate("", PATIENCE_S)
    assert process.returncode == 0
    assert len(run_devices(pool, "--node", "node-a")) == 1  # a whole GPU: it is free again
    assert pool.json("ps") == []
    assert memory_used(pool, "node-a") == 0


def test_a_killed_program_leaves_nothing_behind(pool: GpoolHome) -> None:
    process = hold(pool, "--gpus", "2")
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    assert len(run_devices(pool, "--gpus", "2")) == 2
    assert all(node["sessions"] == [] for node in pool.json("node", "ls"))


def test_a_released_lease_ends_its_sessions(pool: GpoolHome) -> None:
    process = hold(pool, "--gpus", "2")
    assert pool("release", process.lease).returncode == 0
    # Whole GPUs: they are granted again only when both nodes have confirmed that the sessions are gone.
    assert len(run_devices(pool, "--gpus", "2")) == 2
    process.communicate("", PATIENCE_S)


def test_the_doctor_is_content_with_the_pool(pool: GpoolHome) -> None:
    findings = json.loads(pool("doctor", "--json").stdout)
    subjects = ("controller", "token", "node node-a", "node node-b", "data port of node-a", "data port of node-b")
    verdicts = {finding["subject"]: finding["verdict"] for finding in findings}
    assert [verdicts[subject] for subject in subjects] == ["ok"] * len(subjects)
