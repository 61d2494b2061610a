"""Handlers of one instruction-set level share no code with anything else, so no processor meets what it cannot run."""

import shutil
import subprocess
from pathlib import Path

import pytest

from .machine import runner_path


def _objects(level: str) -> list[Path]:
    folder = runner_path().parent / "emulator" / "ptx" / "CMakeFiles" / f"gpool_ptx_{level}.dir"
    return sorted(folder.glob("handlers/*.o"))


def _shared_symbols(level: str, nm_lines: str) -> list[str]:
    """What the linker may merge with another object's copy, or take from one: weak and unique symbols that the object
    defines, and any other symbol that lies outside the level's namespace."""
    found = []
    for line in nm_lines.splitlines():
        kind, name = line[17:18], line[19:]
        # DW.ref.… is the address of a function, data without instructions.
        if name.startswith("DW.ref."):
            continue
        if kind in "WVuwv" or (kind in "TDBR" and f"gpool::ptx::{level}::" not in name):
            found.append(f"{kind} {name}")
    return found


@pytest.mark.parametrize("level", ["v3", "v4"])
def test_objects_of_a_level_define_nothing_that_others_could_be_given(level: str) -> None:
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("nm is not installed")
    objects = _objects(level)
    if not objects:
        pytest.skip(f"this build has no level {level}")
    for one in objects:
        listed = subprocess.run(
            [nm, "--demangle", "--defined-only", str(one)], capture_output=True, text=True, check=True, timeout=60
        ).stdout
        assert f"gpool::ptx::{level}::" in listed, f"{one} holds no handlers of {level}"
        assert not _shared_symbols(level, listed), f"{one.name} shares code: call nothing inline there"


def test_a_weak_function_would_be_found() -> None:
    lines = "0000000000000000 W bool std::operator==<char>(char)\n0000000000000010 T gpool::ptx::v3::select_any(int)\n"
    assert _shared_symbols("v3", lines) == ["W bool std::operator==<char>(char)"]
