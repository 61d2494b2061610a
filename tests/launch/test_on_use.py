"""`gpool run --on-use`: no lease until a process of the command asks for it."""

from __future__ import annotations

import signal
import sys

from fake_controller import PATIENCE_S, FakeController, problem
from launcher_process import ASK, GpoolRun

PATIENT = (
    ASK
    + """
def answer():
    return ask(b"open version=1 pid=%d driver=0.1.0\\n" % os.getpid()).replace("wait\\n", "")
"""
)


def test_a_command_that_uses_no_gpu_asks_for_none(gpool_run: GpoolRun, controller: FakeController) -> None:
    done = gpool_run("--on-use", "--gpus", "3", "--", "sh", "-c", "echo ${GPOOL_LEASE-none}; exit 3")
    assert (done.returncode, done.stdout, done.stderr) == (3, "none\n", "")
    assert controller.calls == []


def test_processes_of_a_command_share_the_lease_that_the_first_asks_for(
    gpool_run: GpoolRun, controller: FakeController
) -> None:
    controller.renew_every_s = 60.0
    program = PATIENT + "pid = os.fork()\nsys.stdout.write(answer())\nsys.stdout.flush()\npid and os.wait()"
    done = gpool_run.python(program, "--on-use", "--memory", "2GiB")
    assert done.stdout.count("lease id=l-1\n") == 2
    assert [request["memory_bytes"] for request in controller.requests] == [2 << 30]
    assert controller.leases["l-1"]["state"] == "ended"


def test_the_program_waits_as_long_as_the_queue(gpool_run: GpoolRun, controller: FakeController) -> None:
    controller.grant_at_once = False
    process = gpool_run.start("--on-use", "--", sys.executable, "-c", PATIENT + "print(answer())")
    controller.until(lambda: "l-1" in controller.leases)
    assert process.stderr is not None
    assert process.stderr.readline() == "gpool: lease l-1 waits: all 1 GPUs are taken\n"
    controller.grant("l-1")
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert out.startswith("lease id=l-1\n")
    assert controller.leases["l-1"]["state"] == "ended"


def test_a_request_that_is_refused_reaches_the_program_as_one_sentence(
    gpool_run: GpoolRun, controller: FakeController
) -> None:
    controller.refuse = problem(
        "impossible-request", 409, "the request wants 9 GPUs, but the pool has 1; ask for fewer"
    )
    done = gpool_run.python(PATIENT + "print(answer() + answer(), end='')", "--on-use", "--gpus", "9")
    assert done.stdout == 2 * "error the request wants 9 GPUs, but the pool has 1; ask for fewer\n"
    # The second time, the process was told again without asking the controller.
    assert len(controller.calls) == 1


def test_a_program_that_gives_up_takes_its_request_back(gpool_run: GpoolRun, controller: FakeController) -> None:
    controller.grant_at_once = False
    gpool_run.environment["PROGRAM"] = PATIENT + "answer()"
    process = gpool_run.start(
        "--on-use", "--", "sh", "-c", f'{sys.executable} -c "$PROGRAM" <&- & read line; kill $!; read line'
    )
    controller.until(lambda: "l-1" in controller.leases)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    controller.until(lambda: controller.leases["l-1"]["state"] == "ended")
    assert process.poll() is None  # the command goes on
    process.communicate("\n", timeout=PATIENCE_S)


def test_interrupting_lets_go_of_whoever_waits(gpool_run: GpoolRun, controller: FakeController) -> None:
    controller.grant_at_once = False
    program = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n" + PATIENT + "print(answer(), end='')"
    process = gpool_run.start("--on-use", "--", sys.executable, "-c", program)
    controller.until(lambda: "l-1" in controller.leases)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=PATIENCE_S)
    assert out == "error the wait for GPUs was interrupted; start the program again\n"
    assert controller.leases["l-1"]["state"] == "ended"
