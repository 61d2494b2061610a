"""Tokens."""

import stat
from pathlib import Path

import pytest

from gpool.errors import CannotStart, TokenExpired, TokenMissing, TokenRevoked, TokenWrong
from gpool.model.token import Role, Token
from gpool.security.private_files import private_folder, write_private
from gpool.security.tokens import authenticate, bearer, hash_token, token_text
from stage.values import START, after

TEXT = token_text(bytes(32))
TOKEN = Token(id="t-2", name="ann", role=Role.USER, created_at=START, expires_at=after(60))
KNOWN = {hash_token(TEXT): TOKEN}


def test_a_token_is_known_by_its_hash_until_it_expires() -> None:
    assert authenticate(TEXT, KNOWN, after(59)) == TOKEN
    with pytest.raises(TokenExpired, match="'ann' expired on 2026-01-01 00:01:00 UTC"):
        authenticate(TEXT, KNOWN, after(60))


def test_wrong_missing_and_revoked_tokens_are_told_apart() -> None:
    with pytest.raises(TokenWrong, match="not one of this pool's"):
        authenticate(token_text(b"x" * 32), KNOWN, START)
    with pytest.raises(TokenMissing, match="GPOOL_TOKEN"):
        authenticate(None, KNOWN, START)
    with pytest.raises(TokenMissing):
        authenticate("", KNOWN, START)
    revoked = {hash_token(TEXT): TOKEN.model_copy(update={"revoked_at": after(3)})}
    with pytest.raises(TokenRevoked, match="was revoked on 2026-01-01 00:00:03"):
        authenticate(TEXT, revoked, after(100))


def test_the_authorization_header() -> None:
    assert bearer(None) is None
    assert bearer(f"Bearer {TEXT}") == TEXT
    assert bearer(f"bearer  {TEXT} ") == TEXT
    for wrong in ("", "Bearer", "Bearer ", f"Basic {TEXT}", TEXT):
        with pytest.raises(TokenWrong, match="Bearer TOKEN"):
            bearer(wrong)


def test_files_with_secrets_are_private_from_the_start(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    private_folder(folder)
    write_private(folder / "token", "secret\n")
    write_private(folder / "token", "other\n")
    assert (folder / "token").read_text() == "other\n"
    assert stat.S_IMODE((folder / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [path.name for path in folder.iterdir()] == ["token"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotStart, match=r"cannot make the folder .*file/state"):
        private_folder(tmp_path / "file" / "state")
