"""Drives the program `ptx_run`: one process of the PTX machine for many small kernels."""

import itertools
import os
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]

HEADER = ".version 9.0\n.target sm_120\n.address_size 64\n"


def runner_path() -> Path:
    """Where the test runner was built; AssertionError with the way to build it when it is not there."""
    build = Path(os.environ.get("GPOOL_BUILD", REPOSITORY / "build" / "native"))
    path = build / "ptx_run"
    assert path.exists(), (
        f"{path} does not exist: build it with `cmake -S native -B {build} -G Ninja -DGPOOL_BUILD_TESTS=ON && "
        f"cmake --build {build} --target ptx_run`, or set GPOOL_BUILD to the build folder"
    )
    return path


class FaultError(Exception):
    """A launch ended with a fault; `kind` is its name, the text its sentence."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


class Machine:
    """A running ptx_run. Buffers are NumPy arrays copied in and out by way of files in `folder`."""

    def __init__(self, folder: Path, threads: int = 2, level: str = "") -> None:
        self.folder = folder
        self.numbers = itertools.count()
        self.process = subprocess.Popen(
            [str(runner_path()), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "GPOOL_PTX_LEVEL": level},
        )

    def __enter__(self) -> "Machine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()

    def ask(self, command: str) -> str:
        """The answer to one command, without its "ok"; FaultError for a fault, ValueError for an error."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().rstrip("\n")
        word, _, rest = answer.partition(" ")
        if word == "ok":
            return rest
        if word == "fault":
            kind, _, sentence = rest.partition(" ")
            raise FaultError(kind, sentence)
        raise ValueError(rest or f"the machine ended after {command!r}")

    def load(self, text: str) -> str:
        """The id of a parsed module."""
        name = f"m{next(self.numbers)}"
        path = self.folder / f"{name}.ptx"
        path.write_text(text)
        self.ask(f"load {name} {path}")
        path.unlink()
        return name

    def buffer(self, value: np.ndarray[Any, Any], mode: str = "") -> str:
        """The name of device memory that holds a copy of `value`."""
        name = f"b{next(self.numbers)}"
        self.ask(f"buffer {name} {value.nbytes} {mode}")
        path = self.folder / name
        path.write_bytes(np.ascontiguousarray(value).tobytes())
        self.ask(f"write {name} {path}")
        path.unlink()
        return name

    def fetch(self, name: str, like: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The contents of a buffer in the shape and type of `like`."""
        path = self.folder / name
        self.ask(f"read {name} {path}")
        result = np.frombuffer(path.read_bytes(), dtype=like.dtype).reshape(like.shape).copy()
        path.unlink()
        return result

    def run(
        self,
        module: str,
        kernel: str,
        grid: tuple[int, int, int] | int,
        block: tuple[int, int, int] | int,
        *arguments: Any,
        shared: int = 0,
        cooperative: bool = False,
    ) -> list[np.ndarray[Any, Any]]:
        """Runs a kernel. Arrays are buffers (all of them are returned afterwards), NumPy scalars are values."""
        words = []
        arrays = []
        for argument in arguments:
            if isinstance(argument, np.ndarray):
                name = self.buffer(argument)
                arrays.append((name, argument))
                words.append(f"p:{name}")
            elif isinstance(argument, str):
                words.append(argument)
            else:
                words.append("x:" + argument.tobytes().hex())
        extents = [n for e in (grid, block) for n in ((e, 1, 1) if isinstance(e, int) else e)]
        command = f"run {module} {kernel} {' '.join(map(str, extents))} {shared} {int(cooperative)} {' '.join(words)}"
        try:
            self.ask(command)
            return [self.fetch(name, like) for name, like in arrays]
        finally:
            for name, _ in arrays:
                self.ask(f"drop {name}")

    def output(self) -> str:
        """What kernels have printed since the last call."""
        return bytes.fromhex(self.ask("output")).decode()
