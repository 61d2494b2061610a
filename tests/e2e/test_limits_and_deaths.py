"""The memory of a lease is one limit for all of its processes, and comes back with it. Other deaths: test_kills.py."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from gpool_home import PATIENCE_S, GpoolHome

ALLOCATE = f"{shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).with_name('allocate.py')))}"
MIB = 1 << 20
CUDA_ERROR_OUT_OF_MEMORY = 2

# The first goes on holding its memory while the second asks for its own; then both end.
TWO_PROCESSES = f"""
coproc first {{ {ALLOCATE} 700; }}
read -r line <&"${{first[0]}}"
echo "$line"
{ALLOCATE} 700 </dev/null
eval "exec ${{first[1]}}>&-"
wait
"""


@pytest.mark.parametrize("transport", ["shm", "tcp"])
def test_two_processes_share_one_limit(transport: str, pool: GpoolHome) -> None:
    done = pool("run", "--memory", "1GiB", "--transport", transport, "--", "bash", "-c", TWO_PROCESSES)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = (json.loads(line) for line in done.stdout.splitlines())
    assert (first["result"], second["result"]) == (0, CUDA_ERROR_OUT_OF_MEMORY)
    for seen in (first, second):
        assert seen["device_total"] == seen["total"] == 1024 * MIB
        assert seen["free"] == first["free"]
    assert 0 < first["free"] <= 324 * MIB


def test_more_than_the_limit_is_never_there(pool: GpoolHome) -> None:
    done = pool("run", "--memory", "512MiB", "--", "bash", "-c", f"{ALLOCATE} 700")
    seen = json.loads(done.stdout)
    assert seen["result"] == CUDA_ERROR_OUT_OF_MEMORY
    assert seen["free"] == seen["total"] == 512 * MIB


def holding(pool: GpoolHome) -> subprocess.Popen[str]:
    """A program that holds 256 MiB on node-a; it ends with its stdin."""
    process = pool.hold("--memory", "512MiB", "--node", "node-a", program=f"exec {ALLOCATE} 256")
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["result"] == 0
    return process


def memory_used(pool: GpoolHome) -> int:
    """Bytes that leases use on node-a, as its last heartbeat said."""
    (gpu,) = pool.json("smi", "--node", "node-a")
    return sum(vgpu["memory_used_bytes"] for vgpu in gpu["vgpus"])


def assert_all_is_back(pool: GpoolHome) -> None:
    """A whole GPU is granted only when its node has confirmed that nothing of the last lease is left."""
    done = pool("run", "--node", "node-a", "--", "bash", "-c", f"{ALLOCATE} 1500 </dev/null")
    assert json.loads(done.stdout)["result"] == 0
    assert pool.json("ps") == []
    assert memory_used(pool) == 0


def test_a_killed_gpool_run(pool: GpoolHome) -> None:
    process = holding(pool)
    process.kill()
    process.communicate(timeout=PATIENCE_S)  # ends when the program has: it holds the other end of the pipes
    assert_all_is_back(pool)
