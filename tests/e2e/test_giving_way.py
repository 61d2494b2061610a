"""One GPU, and somebody who needs it more: what the program that has it sees, and that the other one gets it.

| the program                       | what happens                                                          |
| --------------------------------- | --------------------------------------------------------------------- |
| writes a checkpoint on the signal | it ends in its grace, of its own; the other one gets the GPU at once  |
| does not listen                   | it loses the GPU at the end of its grace, and sees a CUDA error       |

The second time the controller is killed with kill -9 in the middle of the grace. And one that nobody gives way for:
a lease that is not in use yet is put elsewhere, and its program does not notice.
"""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from gpool_home import PATIENCE_S, GpoolHome
from test_kills import CUDA_ERROR_UNKNOWN, STEADY, kill_daemon, told_of_the_loss

from gpool.launch.api_client import ApiClient

HERE = Path(__file__).parent
ENDED = ["asked", "granted", "warned", "ending", "ended"]


class OneGpu:
    """The GPU of node-a, and a client of its pool."""

    def __init__(self, home: GpoolHome) -> None:
        self.home = home
        where = (home.config / "gpool" / "client.toml").read_text()
        words = dict(line.split(" = ") for line in where.splitlines() if " = " in line)
        self.client = ApiClient(json.loads(words["api"]), json.loads(words["token"]))

    def grace(self, seconds: float) -> None:
        """From now on, leases that have to give way have so long."""
        policy = self.client.get("/policy")["policy"]
        policy["settings"] = {"least_run_s": 0, "grace_s": seconds}
        self.client.put("/policy", {"policy": policy})

    def events(self, lease: str) -> list[str]:
        return [event["type"] for event in self.client.get("/events", object=f"lease/{lease}")]

    def ask_urgently(self) -> str:
        """The id of a request that is more urgent than what runs."""
        lease = self.client.post("/leases", {"priority": "high", "node": "node-a"})
        assert lease["state"] == "pending"
        return str(lease["id"])

    def granted(self, lease: str) -> dict[str, Any]:
        """The lease once it is granted. It is kept alive by being waited for."""
        for _ in range(int(PATIENCE_S)):
            found: dict[str, Any] = self.client.get(f"/leases/{lease}", wait_s=1)
            if found["state"] != "pending":
                break
        assert found["state"] == "active", found
        return found


@pytest.fixture(scope="module")
def one_gpu(pool: GpoolHome) -> OneGpu:
    return OneGpu(pool)


def test_a_training_that_is_preempted_saves_its_work_and_ends_in_its_grace(one_gpu: OneGpu, tmp_path: Path) -> None:
    one_gpu.grace(PATIENCE_S)
    checkpoint = tmp_path / "checkpoint"
    words = (sys.executable, str(HERE / "saving.py"), str(checkpoint))
    training = one_gpu.home.hold("--node", "node-a", program=f"exec {shlex.join(words)}")
    assert training.stdout is not None
    assert json.loads(training.stdout.readline())["steps"] == 3
    urgent = one_gpu.ask_urgently()
    _, told = training.communicate(timeout=PATIENCE_S)
    assert training.returncode == 0
    assert len(checkpoint.read_bytes()) == 4096
    lease: str = training.lease  # type: ignore[attr-defined]
    (sentence,) = told.splitlines()
    assert sentence.startswith(f"gpool: lease {lease} has to give way in ")
    assert sentence.endswith(f" s: lease {urgent} is more urgent and needs its GPU; save your work")
    one_gpu.granted(urgent)
    assert one_gpu.events(lease) == ENDED
    assert one_gpu.client.get(f"/leases/{lease}")["reason"].startswith("released by"), "it did not wait to be ended"
    one_gpu.client.delete(f"/leases/{urgent}")


def test_kill_9_of_the_controller_in_the_grace_of_one_that_does_not_listen(one_gpu: OneGpu) -> None:
    one_gpu.grace(6)
    # What ignores a signal hands that on to what it executes.
    training = one_gpu.home.hold("--memory", "256MiB", "--node", "node-a", program=f"trap '' TERM; exec {STEADY}")
    lease: str = training.lease  # type: ignore[attr-defined]
    assert training.stdout is not None
    assert training.stderr is not None
    assert training.stdin is not None
    training.stdin.write("\n")
    training.stdin.flush()
    assert "steps" in json.loads(training.stdout.readline())
    urgent = one_gpu.ask_urgently()
    assert "has to give way in " in training.stderr.readline()
    eviction = one_gpu.client.get(f"/leases/{lease}")["eviction"]
    kill_daemon(one_gpu.home, "controller")
    assert training.poll() is None, "programs need no controller"
    assert one_gpu.home("up").returncode == 0
    granted = one_gpu.granted(urgent)
    assert [vgpu["node"] for vgpu in granted["vgpus"]] == ["node-a"]
    ended = one_gpu.client.get(f"/leases/{lease}")
    # Its end may have been put off until the node was back, but it was warned once.
    assert (ended["state"], ended["eviction"]["warned_at"]) == ("ended", eviction["warned_at"])
    assert ended["eviction"]["beneficiary"] == eviction["beneficiary"] == urgent
    assert ended["reason"] == f"had to give way: lease {urgent} is more urgent and needs its GPU"
    assert one_gpu.events(lease) == ENDED
    assert one_gpu.events(urgent) == ["asked", "room-promised", "granted"]
    said, told = training.communicate(timeout=PATIENCE_S)
    assert set(json.loads(said)["afterwards"].values()) == {CUDA_ERROR_UNKNOWN}
    assert any(told_of_the_loss(sentence, "node-a") for sentence in told.splitlines())
    one_gpu.client.delete(f"/leases/{urgent}")


def test_a_lease_that_is_not_in_use_is_moved_and_its_program_does_not_notice(one_gpu: OneGpu) -> None:
    """Each node has a piece of its GPU taken: nobody gets a whole one, until a piece goes to the other node."""
    home, client = one_gpu.home, one_gpu.client
    filler = client.post("/leases", {"memory_bytes": 900 << 20})
    assert filler["state"] == "active"
    words = ("--movable", "--memory", "900MiB", "--transport", "tcp")
    programs = [home.hold(*words, program=f"read begin && exec {STEADY}") for _ in range(2)]
    leases: list[str] = [program.lease for program in programs]  # type: ignore[attr-defined]
    before = {lease: client.get(f"/leases/{lease}")["vgpus"][0]["node"] for lease in leases}
    assert set(before.values()) == {"node-a", "node-b"}
    client.delete(f"/leases/{filler['id']}")

    whole = client.post("/leases", {})
    one_gpu.granted(whole["id"])
    after = {lease: client.get(f"/leases/{lease}")["vgpus"][0]["node"] for lease in leases}
    (moved,) = (lease for lease in leases if after[lease] != before[lease])
    assert len(set(after.values())) == 1, "both share a GPU now"
    assert one_gpu.events(moved) == ["asked", "granted", "moved"]

    for program in programs:
        assert program.stdin is not None
        assert program.stdout is not None
        program.stdin.write("begin\n\n")
        program.stdin.flush()
        assert "steps" in json.loads(program.stdout.readline())
    assert all(client.get(f"/leases/{lease}")["in_use_at"] is not None for lease in leases)
    again = client.post("/leases", {})
    assert again["state"] == "pending", "what is in use stays where it is"
    assert "expected to start: about" in home("explain", again["id"]).stdout
    client.delete(f"/leases/{again['id']}")
    for program in programs:
        _, told = program.communicate(timeout=PATIENCE_S)
        assert (program.returncode, told) == (0, "")
    client.delete(f"/leases/{whole['id']}")
