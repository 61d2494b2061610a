"""What users get wrong: gpool's own failures end with 125 and one sentence, soon, and never with a traceback."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gpool_home import PATIENCE_S, GpoolHome

from workerd.speaker import MAGIC, hello

OWN_FAILURE = 125
CUDA_ERROR_NO_DEVICE = 100
CUDA_ERROR_SYSTEM_NOT_READY = 802


def sentence_of(done: subprocess.CompletedProcess[str], code: int = OWN_FAILURE) -> str:
    """The one line with which a command of gpool has failed."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("gpool: ")
    assert done.stderr.count("\n") == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "internal error" not in done.stderr
    return done.stderr.rstrip("\n")


def free_port() -> int:
    """A port of loopback at which nothing listens."""
    with socket.socket() as passing:
        passing.bind(("127.0.0.1", 0))
        return int(passing.getsockname()[1])


@contextmanager
def something_else(answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that is not gpool's, on loopback: its port. `answer` is handed each connection."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    answer(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def api_of(pool: GpoolHome) -> str:
    return str(json.loads((pool.state / "gpool" / "controller.json").read_text())["api"])


def join_token(pool: GpoolHome) -> str:
    return (pool.state / "gpool" / "join.token").read_text().strip()


@pytest.mark.parametrize(
    ("words", "said", "next_step"),
    [
        ("release l-nope", "no lease 'l-nope'", "`gpool ps` lists"),
        ("release", "missing argument 'LEASE...'", "`gpool release --help`"),
        ("smi --node nope", "no node 'nope'", "the pool's nodes are: node-a, node-b"),
        ("run --node nope -- true", "no node 'nope'", "the pool's nodes are: node-a, node-b"),
        ("run --node Node:A -- true", "'Node:A' is no node name", "use up to 31 small letters"),
        ("run --gpus 3 -- true", "wants 3 whole GPUs, but the pool has 2", "ask for fewer"),
        ("run --gpus 0 -- true", "--gpus 0", "ask for 1 to"),
        ("run --gpus many -- true", "'many' is not a valid integer", "`gpool run --help`"),
        ("run --memory 900GiB -- true", "the largest GPU of the pool has 2 GiB", "ask for less memory"),
        ("run --memory 8XB -- true", "'8XB' is not a memory size", "write 8GiB"),
        ("run --memory 0 -- true", "'0' is no memory at all", "write 8GiB"),
        ("run --compute 0 -- true", "'0' is out of range", "from 0.1% to 100%"),
        ("run --compute 150 -- true", "'150' is out of range", "from 0.1% to 100%"),
        ("run --timeout x -- true", "'x' is not a duration", "write seconds"),
        ("run --transport pigeon -- true", "'pigeon' is not one of", "`gpool run --help`"),
        ("run --api nonsense -- true", "'nonsense' is not the address of a controller", "http://HOST:7070"),
        ("run --token wrong -- true", "not one of this pool's", "check GPOOL_TOKEN"),
        ("run", "there is no command to run", "say it after `--`"),
        ("run --", "there is no command to run", "say it after `--`"),
        ("ps extra", "unexpected extra argument (extra)", "`gpool ps --help`"),
        ("token revoke t-nope", "no token 't-nope'", "`gpool token ls` lists"),
        ("token create a:b", "'a:b' is no name of a token", "use up to 63 letters"),
        ("token create x --expires soon", "'soon' is not a duration", "write seconds"),
        ("up --emulate 2", "a pool is running on this machine already, with --emulate 1", "`gpool down` first"),
        ("up --port 99999", "99999 is not in the range", "`gpool up --help`"),
        ("agent --join http://127.0.0.1:1", "an agent needs a token", "`gpool token create --role node"),
        ("agent --join nonsense --token x --emulate 1 --name q", "not the address of a controller", "http://HOST"),
        ("agent --join http://127.0.0.1:1 --token x --emulate 1 --name Q", "'Q' is no node name", "such as node-a"),
        (
            "agent --join http://127.0.0.1:1 --token x --emulate 1 --name q --listen-data here",
            "'here' is not an address to listen on",
            "write HOST:PORT",
        ),
        ("fly", "no such command 'fly'", "`gpool --help`"),
    ],
)
def test_one_sentence_says_what_and_what_next(words: str, said: str, next_step: str, pool: GpoolHome) -> None:
    sentence = sentence_of(pool(*words.split()))
    assert said in sentence
    assert next_step in sentence


def test_a_second_up_shows_the_pool_that_runs(pool: GpoolHome) -> None:
    up = pool("up", "--emulate", "1")
    assert (up.returncode, up.stderr) == (0, "")
    assert "already" in up.stdout
    assert api_of(pool) in up.stdout


# The command of `gpool run`


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("exit 0", 0),
        ("exit 7", 7),
        ("exit 125", 125),
        ("kill -TERM $$", 128 + signal.SIGTERM),
        ("kill -KILL $$", 128 + signal.SIGKILL),
        ("kill -SEGV $$", 128 + signal.SIGSEGV),
    ],
)
def test_the_commands_own_end_is_the_end_of_run(command: str, code: int, pool: GpoolHome) -> None:
    done = pool("run", "--memory", "64MiB", "--", "sh", "-c", command)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_commands_that_cannot_be_run(pool: GpoolHome, tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("not a program")
    assert "was not found in PATH" in sentence_of(pool("run", "--", "no-such-command"), 127)
    assert "does not exist" in sentence_of(pool("run", "--", "./no-such-file"), 127)
    assert f"chmod +x {plain}" in sentence_of(pool("run", "--", str(plain)), 126)
    assert "is a folder" in sentence_of(pool("run", "--", str(tmp_path)), 126)
    assert pool.json("ps") == []


# The way to the controller


def _as_ssh(connection: socket.socket) -> None:
    connection.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
    connection.recv(4096)  # what is left unread would make the close a reset


def _as_web_site(connection: socket.socket) -> None:
    connection.recv(4096)
    connection.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/html\r\n\r\n<html>welcome</html>")


@pytest.mark.parametrize("words", ["run -- true", "ps", "smi", "node ls", "release l-x", "token ls"])
def test_no_controller(words: str, pool: GpoolHome) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    sentence = sentence_of(pool(*words.split(), GPOOL_API=url, GPOOL_TOKEN="x"))
    assert f"no controller answers at {url}" in sentence
    assert "`gpool up`" in sentence


@pytest.mark.parametrize("answer", [_as_ssh, _as_web_site])
def test_something_else_answers(answer: Callable[[socket.socket], None], pool: GpoolHome) -> None:
    with something_else(answer) as port:
        sentence = sentence_of(pool("run", "--", "true", GPOOL_API=f"http://127.0.0.1:{port}", GPOOL_TOKEN="x"))
    assert f"what answers at http://127.0.0.1:{port} " in sentence
    assert "check --api or GPOOL_API" in sentence


def test_a_token_that_has_expired_or_is_for_something_else(pool: GpoolHome) -> None:
    made = pool("token", "create", "short", "--expires", "1ms")
    assert made.returncode == 0
    sentence = sentence_of(pool("ps", GPOOL_TOKEN=made.stdout.strip()))
    assert "the token 'short' expired on" in sentence
    assert "ask an administrator" in sentence
    assert "has the role node" in sentence_of(pool("run", "--", "true", GPOOL_TOKEN=join_token(pool)))


# Servers that cannot start


def test_ports_in_use(pool: GpoolHome, tmp_path: Path) -> None:
    port = api_of(pool).rpartition(":")[2]
    folder = str(tmp_path / "state")
    controller = pool("controller", "--listen", f"127.0.0.1:{port}", "--state", folder, "--no-client-file")
    assert f"port {port} on 127.0.0.1 is in use" in sentence_of(controller)
    other = GpoolHome(tmp_path, Path(pool.environment["GPOOL_NATIVE"]))
    up = other("up", "--emulate", "1", "--port", port)
    assert up.returncode == OWN_FAILURE
    # The controller's own line, then that of `up`.
    first, second = up.stderr.splitlines()
    assert f"port {port} on 127.0.0.1 is in use" in first
    assert "controller.log" in second
    assert other.processes() == []


def agent_words(pool: GpoolHome, state: Path, *, token: str | None = None, **options: str) -> list[str]:
    """`gpool agent` for a node called `guest` with its own folder, its options changed as said."""
    given = {"join": api_of(pool), "token": token or join_token(pool), "emulate": "1", "name": "guest"}
    given |= {"state": str(state)} | {name.replace("_", "-"): value for name, value in options.items()}
    return ["agent", *(word for name, value in given.items() for word in (f"--{name}", value))]


def test_an_agent_with_a_token_that_is_not_good(pool: GpoolHome, tmp_path: Path) -> None:
    assert "not one of this pool's" in sentence_of(pool(*agent_words(pool, tmp_path / "a", token="wrong")))
    expired = pool("token", "create", "--role", "node", "old", "--expires", "1ms").stdout.strip()
    assert "'old' expired on" in sentence_of(pool(*agent_words(pool, tmp_path / "a", token=expired)))
    user = pool("token", "create", "somebody").stdout.strip()
    assert "needs the role node" in sentence_of(pool(*agent_words(pool, tmp_path / "a", token=user)))


def test_an_agent_whose_data_port_is_in_use_names_it(pool: GpoolHome, tmp_path: Path) -> None:
    port = api_of(pool).rpartition(":")[2]
    done = pool(*agent_words(pool, tmp_path / "a", listen_data=f"127.0.0.1:{port}"))
    assert done.returncode == OWN_FAILURE
    assert f"gpool-workerd: Port {port} of 127.0.0.1 is in use" in done.stderr
    # Behind the lines of its log.
    assert done.stderr.splitlines()[-1].startswith("gpool: gpool-workerd ended at its start")


def test_an_agent_goes_on_looking_for_its_controller_and_says_so_once(pool: GpoolHome, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    agent = subprocess.Popen(
        pool.command(*agent_words(pool, tmp_path / "a", join=url)),
        env=pool.environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert agent.stderr is not None
        entry = json.loads(agent.stderr.readline())
        assert entry["event"] == "no connection to the controller; trying again"
        assert entry["at"] == f"{url.replace('http', 'ws')}/api/v1/agents/connect"
        agent.send_signal(signal.SIGTERM)
        _, rest = agent.communicate(timeout=PATIENCE_S)
        assert agent.returncode == 0
        assert "no connection" not in rest
    finally:
        agent.kill()
        agent.wait(PATIENCE_S)


def test_two_agents_of_one_node(pool: GpoolHome) -> None:
    folder = pool.runtime / "gpool" / "node-a"
    sentence = sentence_of(pool(*agent_words(pool, folder, name="node-a")))
    assert f"another agent holds '{folder}'" in sentence
    assert {node["name"]: node["state"] for node in pool.json("node", "ls")}["node-a"] == "ready"


# The driver without `gpool run`

INITIALISE = "import ctypes; cuda = ctypes.CDLL('libcuda.so.1'); print(cuda.cuInit(0), cuda.cuInit(0))"


def initialised(pool: GpoolHome, **environment: str) -> tuple[int, str]:
    """What two calls of cuInit answer (the same), and the one sentence on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", INITIALISE],
        env={**pool.environment, "LD_LIBRARY_PATH": f"{pool.environment['GPOOL_NATIVE']}/client", **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    first, second = done.stdout.split()
    assert first == second
    assert done.stderr.count("\n") == 1, done.stderr
    return int(first), done.stderr


@pytest.mark.parametrize(
    ("environment", "code", "said", "next_step"),
    [
        ({}, CUDA_ERROR_NO_DEVICE, "No GPU lease is configured", "`gpool run -- PROGRAM`"),
        ({"GPOOL_ENDPOINTS": "nonsense"}, CUDA_ERROR_SYSTEM_NOT_READY, '"nonsense" is no endpoint', "tcp:HOST:PORT"),
        ({"GPOOL_ENDPOINTS": "tcp:h:1?ticket=xy"}, CUDA_ERROR_SYSTEM_NOT_READY, "tcp:h:1?ticket=xy", "ticket=HEX"),
        ({"GPOOL_ENDPOINTS": "unix:/nowhere"}, CUDA_ERROR_SYSTEM_NOT_READY, "/nowhere", "node's agent runs"),
        (
            {"GPOOL_BROKER": "/nowhere/b.sock"},
            CUDA_ERROR_SYSTEM_NOT_READY,
            "/nowhere/b.sock",
            "Start the program again",
        ),
    ],
)
def test_a_driver_that_finds_no_lease(
    environment: dict[str, str], code: int, said: str, next_step: str, pool: GpoolHome
) -> None:
    result, sentence = initialised(pool, **environment)
    assert result == code
    assert said in sentence
    assert next_step in sentence


def test_a_driver_and_a_worker_of_different_versions(pool: GpoolHome) -> None:
    def welcome(connection: socket.socket) -> None:
        connection.recv(len(hello()))
        connection.sendall(struct.pack("<8sHH20x16s24x", MAGIC, 99, 0, b"9.9.9"))

    with something_else(welcome) as port:
        result, sentence = initialised(pool, GPOOL_ENDPOINTS=f"tcp:127.0.0.1:{port}")
    assert result == CUDA_ERROR_SYSTEM_NOT_READY
    assert "speaks protocol 1, gpool-workerd 9.9.9" in sentence
    assert "install the same version on both hosts" in sentence


def test_a_port_that_is_no_workers(pool: GpoolHome) -> None:
    with something_else(lambda connection: connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n" * 10)) as port:
        result, sentence = initialised(pool, GPOOL_ENDPOINTS=f"tcp:127.0.0.1:{port}")
    assert result == CUDA_ERROR_SYSTEM_NOT_READY
    assert f"127.0.0.1:{port} is not a gpool-workerd" in sentence


# Rubbish at the sockets of a node


@pytest.mark.parametrize("rubbish", [b"GET / HTTP/1.1\r\n\r\n", bytes(4096), b"\xff" * 200, hello(major=99)])
def test_rubbish_at_the_data_port_hurts_nobody(rubbish: bytes, pool: GpoolHome) -> None:
    host, _, port = next(node["tcp"] for node in pool.json("node", "ls") if node["name"] == "node-a").rpartition(":")
    with socket.create_connection((host, int(port)), PATIENCE_S) as connection:
        answer = b""
        with contextlib.suppress(OSError):  # it need not read all of this before it hangs up
            connection.sendall(rubbish)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(4096):
                answer += piece
    if rubbish == hello(major=99):
        assert b"install the same version on both hosts" in answer
    assert pool("run", "--node", "node-a", "--", "true").returncode == 0


def test_rubbish_at_the_control_socket_hurts_nobody(pool: GpoolHome) -> None:
    with socket.socket(socket.AF_UNIX) as control:
        control.settimeout(PATIENCE_S)
        control.connect(str(pool.runtime / "gpool" / "node-a" / "control.sock"))
        control.sendall(b"\xff\x00 nonsense\nnonsense\n")
        assert control.recv(4096).startswith(b"error ")
    assert pool("run", "--node", "node-a", "--", "true").returncode == 0
    assert {node["name"]: node["state"] for node in pool.json("node", "ls")}["node-a"] == "ready"


@pytest.mark.parametrize("words", ["smi", "ps", "ps --all", "node ls", "token ls", "doctor"])
def test_every_list_is_json_for_programs(words: str, pool: GpoolHome) -> None:
    done = pool(*words.split(), "--json")
    assert isinstance(json.loads(done.stdout), list)
