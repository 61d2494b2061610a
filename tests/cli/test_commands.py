"""The commands that look at a pool and change it, against a real controller and two real agents."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from gpool_home import PATIENCE_S, GpoolHome

from gpool.hardware.emulated import emulated_uuid


def close(process: subprocess.Popen[str]) -> tuple[str, str]:
    """End a program that `GpoolHome.hold` started; the rest of what it and the launcher said."""
    return process.communicate("", PATIENCE_S)


def test_nodes(pool: GpoolHome) -> None:
    nodes = pool.json("node", "ls")
    assert [(node["name"], node["state"]) for node in nodes] == [("node-a", "ready"), ("node-b", "ready")]
    table = pool("node", "ls").stdout
    assert "node-b" in table
    assert "1 × Emulated GPU 2 GiB" in table


def test_a_lease_is_seen_while_its_program_runs_and_then_gone(pool: GpoolHome) -> None:
    process = pool.hold("--memory", "512MiB", "--compute", "25%", "--node", "node-b")
    lease = process.lease
    (held,) = pool.json("ps")
    assert (held["id"], held["state"]) == (lease, "active")
    smi = pool("smi").stdout
    assert f"└ {lease} vGPU 0" in smi
    assert "0 B / 512 MiB" in smi
    assert "25%" in smi
    (gpu,) = pool.json("smi", "--node", "node-b")
    assert gpu["uuid"] == emulated_uuid("node-b", 0)
    assert [vgpu["lease"] for vgpu in gpu["vgpus"]] == [lease]
    assert lease in pool("ps").stdout
    assert close(process) == ("", "")
    # The nodes confirm the end; the next lease of the whole GPU waits for that.
    assert pool("run", "--node", "node-b", "--", "true").returncode == 0
    assert lease not in pool("ps").stdout
    assert lease in pool("ps", "--all").stdout


def test_two_gpus_of_two_nodes(pool: GpoolHome) -> None:
    process = pool.hold("--gpus", "2")
    (lease,) = pool.json("ps")
    assert [vgpu["node"] for vgpu in lease["vgpus"]] == ["node-a", "node-b"]
    close(process)


def test_who_comes_second_waits_and_is_told_for_whom(pool: GpoolHome) -> None:
    first = pool.hold("--gpus", "2")
    second = subprocess.Popen(
        pool.command("run", "--", "true"), env=pool.environment, stderr=subprocess.PIPE, text=True
    )
    assert second.stderr is not None
    told = second.stderr.readline()
    assert "waits: wants 1 whole GPU; the pool has no free GPU; waiting for " in told
    assert first.lease in told
    close(first)
    assert second.wait(PATIENCE_S) == 0
    second.stderr.close()


def test_a_wait_that_ends(pool: GpoolHome) -> None:
    first = pool.hold("--gpus", "2")
    done = pool("run", "--timeout", "200ms", "--", "true")
    close(first)
    assert done.returncode == 125
    assert len(done.stderr.splitlines()) == 2


def test_release_takes_the_gpus_away(pool: GpoolHome) -> None:
    process = pool.hold()
    done = pool("release", process.lease)
    assert (done.returncode, done.stdout) == (0, f"lease {process.lease} is released\n")
    assert process.stderr is not None
    assert process.stderr.readline().startswith("gpool: the lease is lost: ")
    close(process)


def test_use_is_shown(pool: GpoolHome) -> None:
    process = pool.hold("--memory", "1GiB", "--node", "node-a")
    gpu = emulated_uuid("node-a", 0)
    pool.happens(
        "node-a",
        f"session id=7 lease={process.lease} pid=1 client=2 host=here command=train state=open",
        f"usage lease={process.lease} gpu={gpu} bytes=268435456 limit=1073741824",
        f"activity session=7 gpu={gpu} bytes=268435456 busy=421",
    )
    # The next sentence about this node is a heartbeat; a lease that is renewed until then sees it.
    for _ in range(int(PATIENCE_S)):
        (shown,) = pool.json("smi", "--node", "node-a")
        if shown["processes"]:
            break
    assert shown["vgpus"][0]["memory_used_bytes"] == 256 << 20
    (doing,) = shown["processes"]
    assert (shown["compute_busy_permille"], doing["compute_busy_permille"]) == (421, 421)
    assert (doing["lease"], doing["host"], doing["pid"], doing["command"]) == (process.lease, "here", 2, "train")
    table = pool("smi").stdout
    assert "256 MiB / 1 GiB" in table
    assert "42% busy" in table
    *_, last = [line for line in table.splitlines() if line.strip()]
    assert last.split()[0] == process.lease
    assert last.split()[-5:] == ["2", "256", "MiB", "42%", "train"]
    (lease,) = pool.json("ps")
    assert [session["command"] for session in lease["sessions"]] == ["train"]
    close(process)


class TestTokens:
    def test_a_user_may_use_gpus_and_nothing_else(self, pool: GpoolHome) -> None:
        secret = pool("token", "create", "bob", "--expires", "1d").stdout.strip()
        assert pool("run", "--", "true", GPOOL_TOKEN=secret).returncode == 0
        refused = pool("token", "ls", GPOOL_TOKEN=secret)
        assert refused.returncode == 125
        assert "bob" in refused.stderr
        assert any(token["name"] == "bob" for token in pool.json("token", "ls"))

    def test_a_revoked_token_is_worth_nothing(self, pool: GpoolHome) -> None:
        created = pool.json("token", "create", "eve")
        assert pool("token", "revoke", created["token"]["id"]).returncode == 0
        done = pool("run", "--", "true", GPOOL_TOKEN=created["secret"])
        assert done.returncode == 125
        assert "was revoked" in done.stderr
        assert "revoked" in pool("token", "ls").stdout

    def test_an_expired_token(self, pool: GpoolHome) -> None:
        created = pool.json("token", "create", "dan", "--expires", "1ms")
        done = pool("run", "--", "true", GPOOL_TOKEN=created["secret"])
        assert done.returncode == 125
        assert "expired" in done.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["run", "--node", "node-z", "--", "true"], "there is no node 'node-z'"),
        (["run", "--gpus", "3", "--", "true"], "the request wants 3 whole GPUs, but the pool has 2 GPUs"),
        (["run", "--memory", "1TiB", "--", "true"], "the largest GPU of the pool has 2 GiB"),
        (["run", "--token", "nonsense", "--", "true"], "the token is not one of this pool's"),
        (["release", "l-22222222"], "there is no lease 'l-22222222'"),
        (["release", "../nodes"], "no"),
        (["smi", "--node", "node-z"], "there is no node 'node-z'"),
        (["ps", "--api", "http://127.0.0.1:1"], "no controller answers at http://127.0.0.1:1"),
        (["token", "revoke", "t-22222222"], "there is no token 't-22222222'"),
        (["release"], "missing argument"),
        (["nonsense"], "no such command 'nonsense'"),
    ],
)
def test_bad_input_gets_one_sentence(words: list[str], sentence: str, pool: GpoolHome) -> None:
    done = pool(*words)
    assert done.returncode == 125
    assert done.stderr.startswith("gpool: ")
    assert sentence.lower() in done.stderr.lower()
    assert done.stderr.count("\n") == 1


COMMANDS = [
    "up",
    "down",
    "run",
    "smi",
    "ps",
    "release",
    "explain",
    "what-if",
    "queue ls",
    "queue show",
    "queue set",
    "queue rm",
    "apply",
    "node ls",
    "node label",
    "node taint",
    "node cordon",
    "node uncordon",
    "node drain",
    "node rm",
    "gpu disable",
    "gpu enable",
    "audit",
    "doctor",
    "token create",
    "token ls",
    "token revoke",
    "login",
    "logout",
    "cert init",
    "cert show",
    "cert issue",
    "cert renew",
    "agent",
    "controller",
]


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_explains_itself_here_and_in_the_reference(words: str, home: GpoolHome) -> None:
    done = home(*words.split(), "--help", COLUMNS="100")
    assert done.returncode == 0
    reference = (Path(__file__).parents[2] / "docs" / "reference" / "cli.md").read_text()
    lines = "\n".join(line.rstrip() for line in done.stdout.rstrip().splitlines())
    assert f"## gpool {words}\n\n```\n{lines}\n```\n" in reference, "copy the new help into docs/reference/cli.md"


class TestDoctor:
    def test_what_is_broken_is_named_with_a_remedy(self, pool: GpoolHome) -> None:
        """The native files of this test are empty, and nobody listens where the scripted workerd says."""
        done = pool("doctor", "--json")
        assert done.returncode == 1
        found = {finding["subject"]: finding for finding in json.loads(done.stdout)}
        assert found["native files"]["verdict"] == "fail"
        assert found["client/libcuda.so.1"]["verdict"] == "fail"
        assert found["data port of node-a"]["verdict"] == "warn"
        assert all(finding["remedy"] for finding in found.values() if finding["verdict"] == "warn")
        good = ("controller", "token", "node node-a", "version of controller", "unix sockets", "shared memory")
        assert [found[subject]["verdict"] for subject in good] == ["ok"] * len(good)

    def test_a_pool_that_is_not_there(self, home: GpoolHome) -> None:
        done = home("doctor", "--api", "http://127.0.0.1:1")
        assert done.returncode == 1
        assert "FAIL  controller: no controller answers at http://127.0.0.1:1" in done.stdout

    def test_another_driver_in_front(self, home: GpoolHome) -> None:
        done = home("doctor", "--json", LD_PRELOAD="/opt/cuda/libcuda.so.1")
        found = {finding["subject"]: finding for finding in json.loads(done.stdout)}
        assert found["library path"]["verdict"] == "fail"
