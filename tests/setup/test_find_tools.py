"""What `make` says on a machine whose Python or compiler is too old: one sentence, with the way out."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

_SCRIPTS = Path(__file__).parents[2] / "scripts"

# What the scripts themselves call.
_TOOLS = ("bash", "cut")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder that is all of PATH: a machine that has what the test puts there and nothing else."""
    for tool in _TOOLS:
        found = shutil.which(tool)
        assert found is not None
        (tmp_path / tool).symlink_to(found)
    return tmp_path


def install_python(machine: Path, name: str, minor: int, *, venv: bool = True) -> Path:
    """A program that answers like Python 3.`minor`."""
    program = machine / name
    program.write_text(
        "#!/bin/bash\n"
        'case "$*" in\n'
        f'  --version) echo "Python 3.{minor}.0" ;;\n'
        f"  *version_info?\\<*) exit {int(minor < 11)} ;;\n"
        f"  *ensurepip*) exit {int(not venv)} ;;\n"
        f"  *%d*) echo 3.{minor} ;;\n"
        "esac\n"
    )
    program.chmod(0o755)
    return program


def install_compiler(machine: Path, name: str, version: int) -> Path:
    """A program that answers like g++ `version`."""
    program = machine / name
    program.write_text(f"#!/bin/bash\necho {version}\n")
    program.chmod(0o755)
    return program


def find(machine: Path, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a script as make does."""
    return subprocess.run(
        ["bash", "-c", script],
        env={"PATH": str(machine), **variables},
        cwd=_SCRIPTS.parent,
        capture_output=True,
        text=True,
        timeout=30,
        executable=shutil.which("bash"),
    )


def find_python(machine: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Asks for the Python to use."""
    return find(machine, "bash scripts/find-python", **variables)


def find_compiler(machine: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Asks for the compiler to use."""
    return find(machine, "source scripts/find-compiler && echo $CXX", **variables)


def test_the_usual_python_is_taken(machine: Path) -> None:
    wanted = install_python(machine, "python3", 12)
    assert find_python(machine).stdout.strip() == str(wanted)


def test_an_old_python3_beside_a_newer_one(machine: Path) -> None:
    """Ubuntu 22.04 with the package python3.11."""
    install_python(machine, "python3", 10)
    wanted = install_python(machine, "python3.11", 11)
    assert find_python(machine).stdout.strip() == str(wanted)


def test_only_an_old_python(machine: Path) -> None:
    install_python(machine, "python3", 10)
    found = find_python(machine)
    assert found.returncode == 1
    assert "Python 3.11 or later is needed, and python3 is Python 3.10.0" in found.stderr
    assert "apt-get install" in found.stderr
    assert found.stderr.count("\n") == 1


def test_no_python_at_all(machine: Path) -> None:
    found = find_python(machine)
    assert found.returncode == 1
    assert "Python 3.11 or later is needed" in found.stderr


def test_a_python_without_venv(machine: Path) -> None:
    """Debian keeps venv in a package of its own."""
    install_python(machine, "python3", 11, venv=False)
    found = find_python(machine)
    assert found.returncode == 1
    assert "apt-get install python3.11-venv" in found.stderr


def test_the_named_python_is_too_old(machine: Path) -> None:
    """A better one beside it is not taken instead: the user has said which."""
    install_python(machine, "python3", 12)
    old = install_python(machine, "python3.9", 9)
    found = find_python(machine, PYTHON=str(old))
    assert found.returncode == 1
    assert f"PYTHON={old}" in found.stderr


def test_an_old_compiler_beside_a_newer_one(machine: Path) -> None:
    install_compiler(machine, "g++", 11)
    install_compiler(machine, "g++-12", 12)
    assert find_compiler(machine).stdout.strip() == "g++-12"


def test_only_an_old_compiler(machine: Path) -> None:
    install_compiler(machine, "g++", 11)
    found = find_compiler(machine)
    assert found.returncode == 1
    assert "g++ 12 or later" in found.stderr
    assert "apt-get install" in found.stderr


def test_the_named_compiler_is_too_old(machine: Path) -> None:
    install_compiler(machine, "g++", 13)
    old = install_compiler(machine, "g++-9", 9)
    found = find_compiler(machine, CXX=str(old))
    assert found.returncode == 1
    assert f"CXX={old} is not" in found.stderr


def test_scripts_have_no_syntax_errors() -> None:
    root = _SCRIPTS.parent
    for script in (root / ".ci" / "run", *(path for path in _SCRIPTS.iterdir() if path.is_file() and not path.suffix)):
        subprocess.run(["bash", "-n", str(script)], check=True, timeout=30)
    assert os.access(root / ".ci" / "run", os.X_OK)
