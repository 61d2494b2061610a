"""`gpool cert`, from the first authority to one in its place."""

import json
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gpool.cli.cert import command
from gpool.errors import CannotStart, Conflict, InvalidInput
from gpool.security.authority import describe, is_of


def cert(state: Path, *words: str) -> Result:
    """`gpool cert WORDS --state STATE`; raises what the command raises."""
    return CliRunner(catch_exceptions=False).invoke(command, [*words, "--state", str(state)])


def test_an_authority_from_its_beginning_to_its_end(tmp_path: Path) -> None:
    state, out = tmp_path / "state", tmp_path / "out"
    with pytest.raises(CannotStart, match="there is no database"):
        cert(state, "show")
    made = cert(state, "init", "--days", "100")
    with pytest.raises(Conflict, match="--replace makes another one"):
        cert(state, "init")
    shown = cert(state, "show").output
    pin = shown.split()[1]
    assert pin in made.output
    assert "in 99 days" in shown
    assert "no certificate in" in shown
    authority = cert(state, "show", "--pem").output
    assert describe(authority).fingerprint == pin

    assert "pool.example" in cert(state, "renew", "--name", "pool.example", "--days", "7").output
    told = json.loads(cert(state, "show", "--json").output)
    assert told["authority"]["fingerprint"] == pin
    assert told["controller"]["of_this_authority"]
    assert {"pool.example", "localhost"} <= set(told["controller"]["names"])

    cert(state, "issue", "proxy.example", "10.0.0.5", "--out", str(out))
    assert {path.name for path in out.iterdir()} == {"proxy.example.pem", "proxy.example.key", "ca.pem"}
    assert stat.S_IMODE((out / "proxy.example.key").stat().st_mode) == 0o600
    leaf = (out / "proxy.example.pem").read_text()
    assert is_of(leaf, (out / "ca.pem").read_text())
    assert describe(leaf).names == ("proxy.example", "10.0.0.5")
    with pytest.raises(InvalidInput, match="'a b' is neither a host name nor an address"):
        cert(state, "issue", "a b", "--out", str(out))

    assert "agents and users need the new fingerprint" in cert(state, "init", "--replace").output
    told = json.loads(cert(state, "show", "--json").output)
    assert told["authority"]["fingerprint"] != pin
    assert not told["controller"]["of_this_authority"]
