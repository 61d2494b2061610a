"""A node is taken out of work, and a GPU becomes sick, while programs compute there; everything is real."""

from __future__ import annotations

import select
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gpool_home import PATIENCE_S, GpoolHome

from gpool.hardware.emulated import emulated_faults_file

STEADY = f"exec {shlex.quote(sys.executable)} {shlex.quote(str(Path(__file__).parent / 'steady.py'))}"


Computing = Callable[[str], subprocess.Popen[str]]


@pytest.fixture
def computing(pool: GpoolHome) -> Iterator[Computing]:
    """Starts a program that computes on that node, and returns when it has got results."""
    programs = []

    def begin(node: str) -> subprocess.Popen[str]:
        words = ("--memory", "256MiB", "--node", node, "--timeout", "1m")
        programs.append(program := pool.hold(*words, program=STEADY))
        alive(program)
        return program

    yield begin
    for program in programs:
        if program.poll() is None:  # only when the test has failed
            program.kill()
        program.communicate(timeout=PATIENCE_S)


def alive(program: subprocess.Popen[str]) -> None:
    """Returns when it has got three more right results."""
    assert program.stdin is not None
    assert program.stdout is not None
    program.stdin.write("\n")
    program.stdin.flush()
    assert select.select([program.stdout], [], [], PATIENCE_S)[0], "it does not compute any more"
    assert '"steps"' in program.stdout.readline()


def tells(program: subprocess.Popen[str]) -> str:
    """The next sentence on its stderr."""
    assert program.stderr is not None
    assert select.select([program.stderr], [], [], PATIENCE_S)[0], "it has nothing to say"
    return program.stderr.readline()


def node_named(pool: GpoolHome, name: str) -> dict[str, Any]:
    (node,) = (node for node in pool.json("node", "ls") if node["name"] == name)
    return dict(node)


def test_who_computes_on_a_drained_node_is_warned_and_the_drain_ends(pool: GpoolHome, computing: Computing) -> None:
    leaving, staying = computing("node-a"), computing("node-b")
    lease: str = leaving.lease  # type: ignore[attr-defined]
    assert pool("node", "cordon", "node-a", "--reason", "new fan").stdout == "node-a is cordoned; 1 lease on it\n"
    refused = pool("run", "--node", "node-a", "--timeout", "0.1s", "--", "true")
    assert "node-a is cordoned" in refused.stderr
    alive(leaving)

    draining = pool("node", "drain", "node-a", "--grace", "1h", "--reason", "new fan")
    assert f"{lease}  active" in draining.stdout
    warning = tells(leaving)
    assert f"lease {lease} has to give way" in warning
    assert "node node-a is drained by root (new fan); save your work" in warning
    alive(leaving)

    # Time is short after all.
    emptied = pool("node", "drain", "node-a", "--force", "--wait", "--timeout", "2m")
    assert emptied.returncode == 0, emptied.stderr
    assert emptied.stdout.endswith("node node-a is drained: no lease is left on it\n")
    assert "had to give way: node node-a is drained by root" in pool("explain", lease).stdout
    leaving.communicate("", PATIENCE_S)
    alive(staying)
    assert pool("node", "uncordon", "node-a").stdout == "node-a is ready\n"
    alive(again := computing("node-a"))
    for program in (again, staying):
        program.communicate("", PATIENCE_S)
        assert program.returncode == 0
    did = [(entry["action"], entry["after"]) for entry in pool.json("audit", "--object", "node-a")]
    assert [action for action, _ in did] == ["node.uncordon", "node.drain", "node.drain", "node.cordon"]


def test_a_gpu_that_becomes_sick_is_taken_out_and_its_programs_are_told(pool: GpoolHome, computing: Computing) -> None:
    unlucky, lucky = computing("node-b"), computing("node-a")
    lease: str = unlucky.lease  # type: ignore[attr-defined]
    faults = pool.runtime / "gpool" / emulated_faults_file("node-b")
    faults.write_text("0 xid 79\n")
    assert "The connection to the worker on node node-b has ended (the lease has ended)" in tells(unlucky)
    assert "of node node-b is sick: XID 79 (the GPU has fallen off the bus)" in pool("explain", lease).stdout
    unlucky.communicate("", PATIENCE_S)
    alive(lucky)
    node = node_named(pool, "node-b")
    assert [out["by"] for out in node["gpus_out"]] == ["gpool"]
    assert lease not in [lease["id"] for lease in pool.json("ps")]
    refused = pool("run", "--node", "node-b", "--timeout", "0.1s", "--", "true")
    assert "node-b has no GPU that was not taken out" in refused.stderr

    # Somebody looks at it, and puts it back; the fault that is known does not count again.
    assert pool("gpu", "enable", "node-b/0").returncode == 0
    again = computing("node-b")
    faults.unlink()
    for program in (again, lucky):
        program.communicate("", PATIENCE_S)
        assert program.returncode == 0
