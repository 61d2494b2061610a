"""What `gpool controller` says to options that cannot be."""

from pathlib import Path

import pytest

from gpool import logs
from gpool.cli.main import main


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--listen", "7070"], "'7070' is no address to listen on; write HOST:PORT"),
        (["--listen", "127.0.0.1:http"], "is no address to listen on"),
        (["--listen", "127.0.0.1:70700"], "is no address to listen on"),
        (["--listen", "192.0.2.1:7070"], "cannot listen on 192.0.2.1:7070"),
        (["--database", "mysql://x/y"], "a pool is kept in SQLite or in PostgreSQL, not in mysql"),
        (["--database", "sqlite:////proc/gpool/db"], "cannot make the folder /proc/gpool"),
        (["--state", "/proc/gpool"], "cannot make the folder /proc/gpool"),
        (["--colour"], "no such option '--colour'"),
    ],
)
def test_options_that_cannot_be(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    # It would redirect the log of the whole test run.
    monkeypatch.setattr(logs, "configure_logs", lambda _level: None)
    with pytest.raises(SystemExit) as end:
        main(["controller", *options])
    assert end.value.code == 125
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("gpool: ")
    assert words in shown.err
    assert shown.err.count("\n") == 1
    assert not (tmp_path / "config").exists()
