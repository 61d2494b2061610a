"""`gpool` itself: help, failures, and what it costs to start."""

import os
import subprocess
import sys
import types
from pathlib import Path

import click
import pytest

from gpool.cli import main as group
from gpool.cli.main import COMMANDS, main
from gpool.errors import ControllerUnreachable

HEAVY = (
    "pydantic",
    "fastapi",
    "sqlalchemy",
    "uvicorn",
    "httpx2",
    "asyncio",
    "rich",
    "structlog",
    "alembic",
    "websockets",
)


def test_help_lists_all_commands_and_loads_none() -> None:
    code = (
        "import sys\nfrom gpool.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as end:\n    assert end.code == 0\n"
        f"print([name for name in sys.modules if name.split('.')[0] in {HEAVY} or name.startswith('gpool.cli.')])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *shown, loaded = result.stdout.splitlines()
    assert loaded == "['gpool.cli.main']"
    for name, line in COMMANDS.items():
        assert any(words.split() == [name, *line.split()] for words in shown), name


def test_without_arguments_it_helps(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 0
    assert "gpool run -- python train.py" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == "gpool 0.1.0\n"


def test_the_version_is_that_of_the_package() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["version"] == group.VERSION


def run_command(monkeypatch: pytest.MonkeyPatch, callback: object) -> int:
    """Let the command `ps` be `callback`, run it, and return the exit code."""
    module = types.ModuleType("gpool.cli.ps")
    module.command = click.command("ps")(callback)  # type: ignore[attr-defined,arg-type]
    monkeypatch.setitem(sys.modules, "gpool.cli.ps", module)
    with pytest.raises(SystemExit) as end:
        main(["ps"])
    assert isinstance(end.value.code, int)
    return end.value.code


def raising(error: BaseException) -> object:
    def callback() -> None:
        raise error

    return callback


@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (ControllerUnreachable("no controller answers;\n start one"), 125, "gpool: no controller answers; start one\n"),
        (click.UsageError("No such thing."), 125, "gpool: no such thing; see `gpool ps --help`\n"),
        (ValueError("odd"), 125, "gpool: internal error (ValueError: odd); run it again with GPOOL_DEBUG=1"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_failures_are_one_sentence(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    sentence: str,
) -> None:
    monkeypatch.delenv("GPOOL_DEBUG", raising=False)
    assert run_command(monkeypatch, raising(error)) == code
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(sentence)
    assert shown.err.count("\n") <= 1


def test_the_traceback_is_there_for_those_who_ask(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GPOOL_DEBUG", "1")
    assert run_command(monkeypatch, raising(ValueError("odd"))) == 125
    assert "Traceback" in capsys.readouterr().err


def test_a_commands_exit_code_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_command(monkeypatch, raising(click.exceptions.Exit(7))) == 7


def test_an_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["smii"])
    assert end.value.code == 125
    error = capsys.readouterr().err
    assert error.startswith("gpool: no such command 'smii'")
    assert error.count("\n") == 1


def test_a_reader_that_goes_away_is_no_failure_of_ours() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run([sys.executable, "-m", "gpool", "--help"], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert result.stderr == ""
    assert result.returncode == 141


def test_the_controllers_command_loads_its_libraries_only_when_it_runs() -> None:
    code = f"import sys, gpool.cli.controller; print([name for name in {HEAVY} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
