"""`gpool.acquire()` in processes of their own, against the fake controller."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from fake_controller import PATIENCE_S, FakeController, problem
from launcher_process import ASK, GpoolRun

# A library that stands for our drivers: what it holds does not matter, its name does.
DRIVERS = """
import ctypes, os, sys
folder = os.environ["GPOOL_NATIVE"] + "/client/"
import gpool
"""


@pytest.fixture
def run(gpool_run: GpoolRun) -> GpoolRun:
    """With a libcuda.so.1 that can be loaded, and counts as one that nobody has initialised."""
    source = gpool_run.native / "driver.c"
    source.write_text("int gpool_marker = 7; int cuDeviceGetCount(int *n) { return 3; }\n")
    for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
        target = gpool_run.native / "client" / name
        subprocess.run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{name}", "-o", target, source], check=True)
    return gpool_run


def python(run: GpoolRun, program: str, **options: object) -> subprocess.CompletedProcess[str]:
    given = {"capture_output": True, "text": True, "timeout": PATIENCE_S, "env": run.environment, **options}
    return subprocess.run([sys.executable, "-c", DRIVERS + program], **given)  # type: ignore[call-overload,no-any-return]


def test_a_script_gets_its_gpus_and_gives_them_back(run: GpoolRun, controller: FakeController) -> None:
    run.environment["GPOOL_QUEUE"] = "vision"
    controller.renew_every_s = 60.0
    done = python(
        run,
        ASK
        + """
with gpool.acquire(gpus=1, memory="2GiB", label={"app": "web"}) as lease:
    print(lease.id, lease.vgpus[0]["node"], os.environ["GPOOL_LEASE"])
    print(ctypes.c_int.in_dll(ctypes.CDLL("libcuda.so.1"), "gpool_marker").value)
    sys.stdout.write(ask().splitlines()[0])
print("", "GPOOL_BROKER" in os.environ, repr(lease))
""",
    )
    assert (done.stderr, done.stdout) == ("", "l-1 node-a l-1\n7\nlease id=l-1 False <lease l-1, given back>\n")
    (request,) = controller.requests
    assert (request["memory_bytes"], request["queue"], request["labels"]) == (2 << 30, "vision", {"app": "web"})
    assert controller.leases["l-1"]["state"] == "ended"


def test_a_script_that_just_ends_gives_its_gpus_back(run: GpoolRun, controller: FakeController) -> None:
    done = python(run, "gpool.acquire(); os._exit(0)")
    assert done.returncode == 0
    controller.until(lambda: controller.leases["l-1"]["state"] == "ended")


def test_on_use_asks_for_nothing_until_somebody_asks_the_broker(run: GpoolRun, controller: FakeController) -> None:
    done = python(run, ASK + "lease = gpool.acquire(on_use=True); print(lease); sys.stdout.write(ask()[:12])")
    assert done.stdout == "<lease on use: asked for by the first CUDA call>\nlease id=l-1"
    assert controller.leases["l-1"]["state"] == "ended"


TOO_LATE = "ctypes.CDLL(os.environ['OTHER'])"


@pytest.mark.parametrize(
    ("program", "sentence"),
    [
        ("gpool.acquire(gpu=1)", "acquire() has no argument 'gpu'"),
        ("gpool.acquire(gpus=0)", "gpus= 0 cannot be; ask for 1 to 1024 GPUs"),
        (f"{TOO_LATE}; gpool.acquire()", "CUDA is in use in this process already, through "),
        ("gpool.acquire(); gpool.acquire()", "this process holds <lease l-1: node-a/GPU-"),
    ],
)
def test_what_cannot_be_is_one_sentence(program: str, sentence: str, run: GpoolRun, controller: FakeController) -> None:
    other = run.native / "libcuda.so.580.1"
    other.write_bytes((run.native / "client" / "libcuda.so.1").read_bytes())
    run.environment["OTHER"] = str(other)
    done = python(run, f"from gpool.errors import GpoolError\ntry:\n  {program}\nexcept GpoolError as e: print(e)")
    assert sentence in done.stdout
    assert done.stderr == ""
    controller.until(lambda: all(lease["state"] == "ended" for lease in controller.leases.values()))


def test_a_refusal_of_the_controller_is_raised_as_what_it_is(run: GpoolRun, controller: FakeController) -> None:
    controller.refuse = problem("impossible-request", 409, "the pool has 1 GPU; ask for fewer")
    done = python(
        run, "from gpool.errors import ImpossibleRequest\ntry: gpool.acquire()\nexcept ImpossibleRequest as e: print(e)"
    )
    assert done.stdout == "the pool has 1 GPU; ask for fewer\n"


def test_the_magic_of_a_notebook(run: GpoolRun, controller: FakeController) -> None:
    program = """
class Shell:
    def register_magic_function(self, function, kind, name): self.magic = {(kind, name): function}
shell = Shell()
gpool.load_ipython_extension(shell)
magic = shell.magic["line", "gpool"]
print(magic(""), magic("acquire --memory 1GiB --select zone=a --select '!spot' --exclusive").id)
print(magic("status"))
print(magic("release"))
magic("acquire --gpu 1")
magic("dance")
"""
    done = python(run, program)
    assert done.stdout.splitlines()[0] == "None l-1"
    assert done.stdout.splitlines()[2] == "<lease l-1, given back>"
    assert "%gpool acquire has no option '--gpu'" in done.stderr
    assert "%gpool knows acquire, status and release, not 'dance'" in done.stderr
    request = json.loads(json.dumps(controller.requests[0]))
    assert request["placement"] == {"nodes": ["zone=a", "!spot"]}
    assert (request["memory_bytes"], request["exclusive"]) == (1 << 30, True)
