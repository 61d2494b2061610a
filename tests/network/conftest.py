"""A workerd of each test's own, and programs that reach it over a bad network."""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from clients.conftest import nvcc, python, tinygrad_environment
from harness.drivers import Driver
from harness.workerd import Workerd

__all__ = ["nvcc", "python", "tinygrad_environment"]

PATIENCE_S = 20.0  # less than the default grace: what must not wait for that does not pass by waiting


class Holder:
    """A running `holder.py`."""

    def __init__(self, native: Path, address: str, environment: dict[str, str], prefix: Sequence[str] = ()) -> None:
        self.process = subprocess.Popen(
            [
                *prefix,
                sys.executable,
                str(Path(__file__).with_name("holder.py")),
                str(native / "client" / "libcuda.so.1"),
            ],
            env={**environment, "GPOOL_ENDPOINTS": f"tcp:{address}", "PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._line() == "ready"

    def begin(self) -> None:
        """Lets it copy once; `answer` says how that went."""
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """A CUresult, or "wrong"."""
        return self._line()

    def ask(self) -> str:
        """Both."""
        self.begin()
        return self.answer()

    def end(self) -> str:
        """Lets it come to its end, in good order; what it wrote to its standard error."""
        said = self.process.communicate("", PATIENCE_S)[1]
        assert self.process.returncode == 0, said
        return said

    def _line(self) -> str:
        assert self.process.stdout is not None
        # The program writes whole lines, one for each that it is given.
        assert select.select([self.process.stdout], [], [], 2 * PATIENCE_S)[0], "the program does not answer"
        line = self.process.stdout.readline()
        assert line, self.process.communicate(timeout=PATIENCE_S)[1]
        return line.strip()


@pytest.fixture
def start_workerd(native: Path) -> Iterator[Callable[..., Workerd]]:
    """Starts a workerd, with keywords as `Workerd` has them; it ends with the test."""
    with contextlib.ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Workerd(native, **settings))


@pytest.fixture
def environment() -> dict[str, str]:
    """The environment of programs: nothing of a developer's shell decides which GPU they reach."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("GPOOL_", "CUDA_"))}


@pytest.fixture
def hold(native: Path, environment: dict[str, str]) -> Iterator[Callable[..., Holder]]:
    """Starts programs that hold memory at an address of a workerd. None outlives the test."""
    started: list[Holder] = []

    def one(address: str, prefix: Sequence[str] = (), **more: str) -> Holder:
        started.append(Holder(native, address, environment | more, prefix))
        return started[-1]

    yield one
    for holder in started:
        if holder.process.poll() is None:
            holder.process.kill()
        holder.process.communicate(timeout=PATIENCE_S)


@pytest.fixture
def reach(native: Path) -> Callable[[Workerd, str], Driver]:
    """The driver of programs that reach `workerd` at `address`."""

    def make(workerd: Workerd, address: str) -> Driver:
        driver = Driver.reach("tcp", native, workerd, workerd.node)
        return Driver("tcp", driver.environment | {"GPOOL_ENDPOINTS": f"tcp:{address}"}, workerd)

    return make
