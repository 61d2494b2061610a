"""Where the tests find nvcc and NVRTC: in the packages that PyPI has of them, else on the machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

__all__ = ["Nvcc", "find_nvrtc", "missing"]


def missing(what: str) -> None:
    """Skips the test where a developer has not installed an optional package; fails it in CI."""
    sentence = f"{what} is missing; `make test` installs it (dependency groups `test` and `clients` of pyproject.toml)"
    if os.environ.get("CI"):
        pytest.fail(sentence)
    pytest.skip(sentence)


def _nvidia_folder() -> Path:
    return Path(sysconfig.get_paths()["platlib"]) / "nvidia" / "cu13"


def find_nvrtc() -> Path | None:
    """The NVRTC library of the package nvidia-cuda-nvrtc, or None."""
    return next(iter(sorted((_nvidia_folder() / "lib").glob("libnvrtc.so.*"))), None)


class Nvcc:
    """Compiles CUDA programs once: the name of the program's file holds a hash of all that went into it."""

    def __init__(self, cache: Path) -> None:
        wheel = _nvidia_folder() / "bin" / "nvcc"
        found = str(wheel) if wheel.exists() else shutil.which("nvcc")
        if found is None:
            missing("nvcc")
        self._nvcc = str(found)
        self._cache = cache
        cache.mkdir(parents=True, exist_ok=True)

    def version(self) -> str:
        """Which nvcc this is."""
        try:
            return importlib.metadata.version("nvidia-cuda-nvcc")
        except importlib.metadata.PackageNotFoundError:
            return self._nvcc

    def compile(self, source: Path, *flags: str) -> Path:
        """The program made of `source`, with the flags that its first line may name (`// nvcc: …`) before `flags`.

        Raises AssertionError with the compiler's words.
        """
        text = source.read_text()
        own = text.partition("\n")[0].removeprefix("// nvcc:").split() if text.startswith("// nvcc:") else []
        flags = (*own, *flags)
        parts = [
            self.version(),
            *flags,
            text,
            *(h.read_text() for h in sorted(source.parent.glob("*.h"))),
        ]
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
        program = self._cache / f"{source.stem}-{digest}"
        if program.exists():
            return program
        unfinished = program.with_suffix(f".{os.getpid()}")
        done = subprocess.run(
            [self._nvcc, *flags, "-o", str(unfinished), str(source)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode != 0:
            raise AssertionError(f"nvcc does not compile {source.name}:\n{done.stdout}\n{done.stderr}")
        unfinished.rename(program)  # two test runs at once each find a whole program
        return program
