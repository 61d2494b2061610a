"""`gpool run` from the request to the exit code, as a real process against a fake controller."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fake_controller import PATIENCE_S, FakeController, problem
from launcher_process import ASK, GpoolRun

HEAVY = {
    "asyncio",
    "pydantic",
    "fastapi",
    "sqlalchemy",
    "httpx2",
    "http.client",
    "ssl",
    "rich",
    "structlog",
    "websockets",
}


def test_the_command_runs_on_a_lease_that_is_given_back(gpool_run: GpoolRun, controller: FakeController) -> None:
    done = gpool_run(
        "--gpus", "1", "--memory", "2GiB", "--compute", "50%", "--", "sh", "-c", "echo on $GPOOL_LEASE; exit 7"
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, "on l-1\n", "")
    (request,) = controller.requests
    assert request["memory_bytes"] == 2 << 30
    assert request["compute_permille"] == 500
    assert request["command"] == "sh -c 'echo on $GPOOL_LEASE; exit 7'"
    assert controller.leases["l-1"]["state"] == "ended"
    assert set(controller.authorizations) == {"Bearer a-token"}


def test_our_driver_stands_in_front_and_other_devices_are_forgotten(gpool_run: GpoolRun) -> None:
    gpool_run.environment |= {"LD_LIBRARY_PATH": "/opt/lib", "CUDA_VISIBLE_DEVICES": "3", "GPOOL_ENDPOINTS": "tcp:a:1"}
    done = gpool_run.python("import json, os; print(json.dumps(dict(os.environ)))")
    environment = json.loads(done.stdout)
    client = str(gpool_run.native / "client")
    assert environment["LD_LIBRARY_PATH"] == f"{client}:/opt/lib"
    assert environment["TRITON_LIBCUDA_PATH"] == client
    assert environment["GPOOL_LEASE"] == "l-1"
    assert "CUDA_VISIBLE_DEVICES" not in environment
    assert "GPOOL_ENDPOINTS" not in environment


def test_bytes_pass_through_untouched(gpool_run: GpoolRun) -> None:
    everything = bytes(range(256)) * 4096
    done = gpool_run("--", "cat", input=everything, text=False)
    assert done.stdout == everything


def test_signals_that_a_program_expects_are_as_they_were(gpool_run: GpoolRun) -> None:
    """Python ignores SIGPIPE and we block signals; the command must inherit neither, and all that our caller chose."""
    command = ["sh", "-c", "grep -E 'Sig(Blk|Ign)' /proc/self/status"]
    alone = subprocess.run(command, capture_output=True, text=True, check=True)  # subprocess restores SIGPIPE
    assert gpool_run("--", *command).stdout == alone.stdout


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_death_by_signal_becomes_128_and_its_number(
    number: signal.Signals, gpool_run: GpoolRun, controller: FakeController
) -> None:
    assert gpool_run("--", "sh", "-c", f"kill -{int(number)} $$").returncode == 128 + number
    assert controller.leases["l-1"]["state"] == "ended"


class TestBeforeALeaseIsAskedFor:
    @pytest.mark.parametrize(
        ("words", "code", "sentence"),
        [
            ([], 125, "no command to run"),
            (["--gpus", "0", "--", "true"], 125, "--gpus 0 cannot be"),
            (["--gpus", "many", "--", "true"], 125, "'many' is not a valid integer"),
            (["--memory", "8GG", "--", "true"], 125, "'8GG' is not a memory size"),
            (["--compute", "200%", "--", "true"], 125, "'200%' is out of range"),
            (["--timeout", "soon", "--", "true"], 125, "'soon' is not a duration"),
            (["--transport", "pigeon", "--", "true"], 125, "'pigeon' is not one of"),
            (["--api", "ftp://x", "--", "true"], 125, "'ftp://x' is not the address of a controller"),
            (["--", "no-such-command"], 127, "'no-such-command' was not found in PATH"),
            (["--", "./no/such"], 127, "'./no/such' does not exist"),
            (["--", "/etc"], 126, "'/etc' is a folder"),
            (["--", "/etc/passwd"], 126, "may not be executed"),
            (["--", ""], 127, "empty word"),
        ],
    )
    def test_bad_input_gets_one_sentence(
        self, words: list[str], code: int, sentence: str, gpool_run: GpoolRun, controller: FakeController
    ) -> None:
        done = gpool_run(*words)
        assert done.returncode == code
        assert sentence in done.stderr
        assert done.stderr.startswith("gpool: ")
        assert done.stderr.count("\n") == 1
        assert controller.calls == []

    def test_a_script_whose_interpreter_is_missing(
        self, gpool_run: GpoolRun, controller: FakeController, tmp_path: Path
    ) -> None:
        script = tmp_path / "script"
        script.write_text("#!/no/such/interpreter\n")
        script.chmod(0o755)
        done = gpool_run("--", str(script))
        assert done.returncode == 126
        assert "'/no/such/interpreter'" in done.stderr
        assert controller.calls == []

    def test_a_missing_installation(self, gpool_run: GpoolRun, controller: FakeController, tmp_path: Path) -> None:
        gpool_run.environment["GPOOL_NATIVE"] = str(tmp_path / "nowhere")
        done = gpool_run("--", "true")
        assert done.returncode == 125
        assert "nowhere/client/libcuda.so.1' is missing" in done.stderr
        assert controller.calls == []


def test_a_script_without_a_first_line_is_the_shells(gpool_run: GpoolRun, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo $0 $1; exit 4\n")
    script.chmod(0o755)
    done = gpool_run("--", str(script), "word")
    assert (done.returncode, done.stdout) == (4, f"{script} word\n")


class TestRefusals:
    def test_the_controllers_sentence_is_shown(self, gpool_run: GpoolRun, controller: FakeController) -> None:
        controller.refuse = problem("impossible-request", 409, "the request wants 9 GPUs, but the pool has 1 GPU")
        done = gpool_run("--gpus", "9", "--", "true")
        assert (done.returncode, done.stderr) == (125, "gpool: the request wants 9 GPUs, but the pool has 1 GPU\n")

    def test_a_wrong_token(self, gpool_run: GpoolRun, controller: FakeController) -> None:
        controller.refuse = problem("token-wrong", 401, "the token is not one of this pool's; check GPOOL_TOKEN")
        done = gpool_run("--", "true")
        assert (done.returncode, "not one of this pool's" in done.stderr) == (125, True)

    def test_no_controller(self, gpool_run: GpoolRun) -> None:
        done = gpool_run("--api", "http://127.0.0.1:1", "--", "true")
        assert done.returncode == 125
        assert done.stderr.startswith("gpool: no controller answers at http://127.0.0.1:1;")

    def test_something_else_answers(self, gpool_run: GpoolRun, controller: FakeController) -> None:
        controller.refuse = {"status": 200}
        done = gpool_run("--", "true")
        assert done.returncode == 125
        assert done.stderr.count("\n") == 1

    def test_shared_memory_of_another_host(self, gpool_run: GpoolRun, controller: FakeController) -> None:
        done = gpool_run("--transport", "shm", "--", "true")
        assert done.returncode == 125
        assert "the shared memory of node node-a cannot be reached" in done.stderr
        assert controller.leases["l-1"]["state"] == "ended"


class TestWaiting:
    def test_it_says_for_what_and_goes_on_when_granted(self, gpool_run: GpoolRun, controller: FakeController) -> None:
        controller.grant_at_once = False
        process = gpool_run.start("--", "sh", "-c", "exit 3")
        assert process.stderr is not None
        assert process.stderr.readline() == "gpool: lease l-1 waits: all 1 GPUs are taken\n"
        controller.explain("l-1", "one lease is before it")
        assert process.stderr.readline() == "gpool: lease l-1 waits: one lease is before it\n"
        controller.grant("l-1")
        assert process.wait(PATIENCE_S) == 3
        assert "is granted after" in process.stderr.read()

    def test_the_request_is_kept_alive(self, gpool_run: GpoolRun, controller: FakeController) -> None:
        controller.grant_at_once = False
        process = gpool_run.start("--", "true")
        controller.until(lambda: controller.renewals.get("l-1", 0) >= 3)
        controller.grant("l-1")
        assert process.wait(PATIENCE_S) == 0

    def test_a_wait_that_was_long_enough(self, gpool_run: GpoolRun, controller: FakeController) -> None:
        controller.grant_at_once = False
        process = gpool_run.start("--timeout", "5m", "--", "true")
        controller.until(lambda: "l-1" in controller.leases)
        assert controller.requests[0]["timeout_s"] == 300
        controller.end("l-1", "it was not granted within 300 s")
        assert process.wait(PATIENCE_S) == 125
        assert process.stderr is not None
        assert process.stderr.read().endswith("gpool: it was not granted within 300 s\n")

    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_an_interrupted_wait_takes_the_request_back(
        self, number: signal.Signals, gpool_run: GpoolRun, controller: FakeController
    ) -> None:
        controller.grant_at_once = False
        process = gpool_run.start("--", "true")
        controller.until(lambda: controller.renewals.get("l-1", 0) >= 1)
        process.send_signal(number)
        assert process.wait(PATIENCE_S) == 128 + number
        assert controller.leases["l-1"]["state"] == "ended"


class TestWhileItRuns:
    def test_tickets_stay_fresh(self, gpool_run: GpoolRun, controller: FakeController) -> None:
        process = gpool_run.start("--", sys.executable, "-c", ASK + "input(); print(ask())")
        controller.until(lambda: controller.renewals.get("l-1", 0) >= 5)
        output, _ = process.communicate("\n", PATIENCE_S)
        ticket = next(word for word in output.split() if word.startswith("ticket="))
        assert int(ticket.removeprefix("ticket="), 16) >= 4

    def test_a_controller_that_goes_away_is_mentioned_once(
        self, gpool_run: GpoolRun, controller: FakeController
    ) -> None:
        process = gpool_run.start("--", "cat")
        controller.until(lambda: controller.renewals.get("l-1", 0) >= 2)
        controller.refuse = problem("unavailable", 503, "the controller is being restarted")
        assert process.stderr is not None
        assert "l-1 could not be renewed: the controller is being restarted;" in process.stderr.readline()
        seen = len(controller.calls)
        controller.until(lambda: len(controller.calls) > seen + 3)
        controller.refuse = None
        assert process.stderr.readline() == "gpool: the controller answers again; lease l-1 is renewed\n"
        assert process.communicate("still here", PATIENCE_S) == ("still here", "")
        assert process.returncode == 0

    def test_a_lost_lease_is_told_to_the_user_and_to_new_processes(
        self, gpool_run: GpoolRun, controller: FakeController
    ) -> None:
        process = gpool_run.start("--", sys.executable, "-c", ASK + "input(); print(ask())")
        controller.until(lambda: controller.renewals.get("l-1", 0) >= 2)
        controller.end("l-1", "lease l-1 was released by an administrator")
        assert process.stderr is not None
        told = process.stderr.readline()
        assert told.startswith("gpool: the lease is lost: lease l-1 was released by an administrator;")
        output, errors = process.communicate("\n", PATIENCE_S)
        assert output.startswith("error lease l-1 was released by an administrator; start the program again")
        assert errors == ""
        assert ("DELETE", "/api/v1/leases/l-1") not in controller.calls

    def test_a_killed_launcher_takes_the_command_and_the_lease_with_it(
        self, gpool_run: GpoolRun, controller: FakeController, tmp_path: Path
    ) -> None:
        heard = tmp_path / "heard"
        os.mkfifo(heard)
        program = f"trap 'echo terminated > {heard}; exit' TERM; echo ready; while :; do read -t 1 x < /dev/zero; done"
        process = gpool_run.start("--", "bash", "-c", program)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        assert heard.read_text() == "terminated\n"
        controller.until(lambda: controller.leases["l-1"]["state"] == "ended")
        # The keeper holds stderr until it has cleaned up.
        assert process.stderr is not None
        assert process.stderr.read() == ""

    def test_children_that_stay_behind_do_not_keep_the_lease(
        self, gpool_run: GpoolRun, controller: FakeController
    ) -> None:
        done = gpool_run("--", "sh", "-c", "sleep 300 >&- 2>&- <&- & echo $!")
        try:
            assert controller.leases["l-1"]["state"] == "ended"
        finally:
            os.kill(int(done.stdout), signal.SIGKILL)

    def test_files_of_the_caller_reach_the_command_and_not_the_keeper(self, gpool_run: GpoolRun) -> None:
        """A pipe's reader waits for every writer; the keeper must not be one of them."""
        reading, writing = os.pipe()
        pipe = os.readlink(f"/proc/self/fd/{writing}")
        process = gpool_run.start("--", "bash", "-c", f"echo inside >&{writing}; cat; true", pass_fds=[writing])
        os.close(writing)
        with open(reading) as reader:
            assert reader.readline() == "inside\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        held = {}
        for child in (Path("/proc", child) for child in children):
            held[(child / "comm").read_text().strip()] = pipe in map(os.readlink, (child / "fd").iterdir())
        assert held.pop("bash")
        assert list(held.values()) == [False]


def test_nothing_heavy_is_imported(gpool_run: GpoolRun) -> None:
    program = (
        "import sys, gpool.cli.main, gpool.cli.run;"
        "print(*sorted({name.partition('.')[0] for name in sys.modules} | sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env=gpool_run.environment, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert set(done.stdout.split()) & HEAVY == set()
