"""The demo does what the README says, and takes itself down however it ends."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_DEMO = Path(__file__).parents[2] / "examples" / "demo.py"
_MARK = "GPOOL_TEST_DEMO"


@pytest.fixture
def mark(native: Path) -> Iterator[str]:
    """A word in the environment of everything that the demo starts; afterwards no process may bear it."""
    word = secrets.token_hex(8)
    yield word
    left = _processes_with(word)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left, f"left behind: {left}"


def _processes_with(word: str) -> dict[int, str]:
    found: dict[int, str] = {}
    wanted = f"{_MARK}={word}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if wanted in (entry / "environ").read_bytes():
                    found[int(entry.name)] = (
                        (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )
            except OSError:
                continue
    return found


def _start(mark: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(_DEMO)],
        env={**os.environ, _MARK: mark, "TMPDIR": str(folder)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.fixture
def folder() -> Iterator[Path]:
    """A temporary folder with a short path (sockets lie in it); the demo has to leave it empty."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="gpool-t-") as name:
        yield Path(name)
        assert list(Path(name).iterdir()) == []


def test_demo_trains_shows_and_cleans_up(mark: str, folder: Path) -> None:
    with _start(mark, folder) as demo:
        text, _ = demo.communicate(timeout=300)
    assert demo.returncode == 0, text
    assert "gpool smi" in text
    assert "epoch  30/30" in text
    assert "the losses of NumPy, no process left" in text


def test_demo_is_interrupted_while_it_trains(mark: str, folder: Path) -> None:
    """Ctrl-C reaches all processes of the terminal's foreground group at once."""
    with _start(mark, folder) as demo:
        assert demo.stdout is not None
        text = ""
        for line in demo.stdout:
            text += line
            if "epoch   2/" in line:
                os.killpg(demo.pid, signal.SIGINT)
                break
        rest, _ = demo.communicate(timeout=120)
    assert demo.returncode == 130, text + rest
    assert "everything that it had started is gone" in rest
