"""Running an agent as a process: the lock on its state folder, its workerd's command line, its signals."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gpool.agent.agent import Agent
from gpool.agent.connection import SILENCE_S, Trust
from gpool.agent.workerd import WorkerdSettings
from gpool.errors import AlreadyRunning, CannotStart, InvalidInput
from gpool.hardware.emulated import EmulatedGpus
from gpool.hardware.inventory import GpuSource
from gpool.hardware.native_files import emulator_folder, workerd_program
from gpool.hardware.nvidia import NvidiaGpus
from gpool.model.ids import LABEL_KEY_PATTERN, LABEL_VALUE_PATTERN, NODE_NAME_PATTERN

__all__ = ["GRACE_S", "NodeKeeping", "data_address", "gpu_source", "serve_agent"]

LOCAL_DATA_ADDRESS = "127.0.0.1:0"
DATA_ADDRESS = "0.0.0.0:7071"
GRACE_S = 30
LONGEST_STATE_PATH = 90  # what workerd takes: the name of a socket must fit behind it


def gpu_source(node: str, emulate: int | None, emulate_memory_bytes: int) -> GpuSource:
    """The GPUs that the node is to offer. Raises `CannotStart` when it has none and shall not emulate any."""
    if emulate is not None:
        return EmulatedGpus(node, emulate, emulate_memory_bytes)
    real = NvidiaGpus()
    if real.why_none:
        raise CannotStart(f"this machine has no GPU to offer: {real.why_none}; try emulated ones with --emulate 1")
    return real


def data_address(wanted: str | None, join: str) -> str:
    """Where workerd listens: as asked for, else on loopback for a controller on loopback, else everywhere.

    Raises `InvalidInput` for something that is neither `HOST:PORT` nor `off`.
    """
    if wanted is None:
        local = all(re.match(r"\s*\w+://(127\.|localhost[:/]|localhost$|\[::1\])", url) for url in join.split(","))
        return LOCAL_DATA_ADDRESS if local else DATA_ADDRESS
    host, separator, port = wanted.rpartition(":")
    if wanted != "off" and not (separator and host and port.isdecimal() and int(port) <= 65535):
        raise InvalidInput(f"{wanted!r} is not an address to listen on; write HOST:PORT, or off for shared memory only")
    return wanted


def labels_of(texts: Iterable[str]) -> dict[str, str]:
    """Labels from `KEY=VALUE`. Raises `InvalidInput` for what is none."""
    labels = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not re.match(LABEL_KEY_PATTERN, key) or not re.match(LABEL_VALUE_PATTERN, value):
            raise InvalidInput(f"{text!r} is no label; write KEY=VALUE, such as zone=east (--label)")
        labels[key] = value
    return labels


class NodeKeeping(NamedTuple):
    """What the node keeps so that programs start sooner."""

    image_folder: Path
    """Where images of code stay, named by their content; several nodes of a user may share it."""
    image_bytes: int
    """At most so many; 0: none stay."""
    warm_workers: int
    """Workers for each GPU that wait for a program with a CUDA context made."""


def serve_agent(
    *,
    node: str,
    join: str,
    token: str,
    source: GpuSource,
    data: str,
    state: Path,
    keeping: NodeKeeping,
    grace_s: int = GRACE_S,
    labels: dict[str, str] | None = None,
    silence_s: float = SILENCE_S,
    ca: str = "",
) -> None:
    """Run the agent of `node` until SIGTERM or SIGINT, or until SIGHUP, which leaves workerd to the next agent.

    data: workerd's `HOST:PORT`, or `off`. state: folder of workerd's sockets and ledgers, made with mode 0700.
    grace_s: how many seconds a program's lost TCP connection may be resumed; 0: not at all. labels: of the node.
    silence_s: how long a controller may be silent. ca: the authority that vouches for it, a file or `sha256:` and its
    fingerprint. Raises `GpoolError`.
    """
    with contextlib.suppress(OSError):  # workerd says what is wrong with it
        keeping.image_folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if re.fullmatch(NODE_NAME_PATTERN, node) is None:
        raise InvalidInput(
            f"{node!r} is no node name; use up to 31 small letters, digits, '-' and '.', such as node-a (--name)"
        )
    emulated = isinstance(source, EmulatedGpus)
    command = [workerd_program(), "--node", node, "--state", str(state)]
    command += ["--driver", emulator_folder() if emulated else "", "--tcp", data, "--grace", str(grace_s)]
    command += ["--image-cache", str(keeping.image_folder), "--image-cache-bytes", str(keeping.image_bytes)]
    command += ["--warm-workers", str(keeping.warm_workers)]
    settings = WorkerdSettings(command, source.environment(), state)
    trust = Trust(ca, str(state / "authorities"))
    agent = Agent(
        node=node,
        join=join,
        token=token,
        gpus=source,
        workerd=settings,
        labels=labels,
        silence_s=silence_s,
        trust=trust,
    )
    with _own(state):
        asyncio.run(_serve(agent))


async def _serve(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.stop)
    loop.add_signal_handler(signal.SIGHUP, agent.hand_over)
    await agent.run()


@contextlib.contextmanager
def _own(state: Path) -> Iterator[None]:
    """Hold the state folder: two agents on one would start and stop the same workerd."""
    if len(os.fsencode(state)) > LONGEST_STATE_PATH:
        raise InvalidInput(f"the path {str(state)!r} is too long for sockets; name a shorter folder with --state")
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        state.chmod(0o700)
        lock = os.open(state / "agent.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(
            f"cannot use the folder {str(state)!r} ({error.strerror}); name another with --state"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise AlreadyRunning(
            f"another agent holds {str(state)!r}; stop it first, or name another folder with --state"
        ) from error
    try:
        yield
    finally:
        os.close(lock)
