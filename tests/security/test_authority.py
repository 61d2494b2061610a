"""The pool's own authority, what it vouches for, and how those who join come to trust it."""

import asyncio
import json
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gpool.errors import CannotStart, InvalidInput
from gpool.model.certificate import Certified
from gpool.security.authority import describe, is_of, issue, make_authority
from gpool.security.pinned_authority import authority_file, check_authority
from gpool.security.serving_certificate import ServingCertificate

NOW = datetime.now(UTC)
AUTHORITY = make_authority(NOW)
PIN = describe(AUTHORITY.certificate).fingerprint


def write(folder: Path, leaf: Certified) -> tuple[Path, Path]:
    files = folder / "leaf.pem", folder / "leaf.key"
    for path, text in zip(files, (leaf.certificate, leaf.key), strict=True):
        path.write_text(text)
    return files


def trusting(authority: Certified) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    return context


@asynccontextmanager
async def server(certificate: ServingCertificate, told: object = None) -> AsyncIterator[int]:
    """Answers every request with `told` as JSON, and keeps connections without one open; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (await reader.readline()).startswith(b"GET "):
            body = json.dumps(told).encode()
            writer.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certificate.context)
    async with listening:
        yield listening.sockets[0].getsockname()[1]


async def shown_at(port: int, name: str, authority: Certified = AUTHORITY) -> bytes:
    """The certificate that the server shows to who trusts that authority and calls it so."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(authority), server_hostname=name)
    found = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return bytes(found)


async def test_who_trusts_the_authority_trusts_its_leaf_for_its_names_alone(tmp_path: Path) -> None:
    leaf = issue(AUTHORITY, ["head.example", "10.0.0.5", "::1", "head.example"], NOW)
    assert describe(leaf.certificate).names == ("head.example", "10.0.0.5", "::1")
    assert is_of(leaf.certificate, AUTHORITY.certificate)
    other = make_authority(NOW)
    assert not is_of(leaf.certificate, other.certificate)
    async with server(ServingCertificate(*write(tmp_path, leaf))) as port:
        for name in ("head.example", "10.0.0.5", "::1"):
            assert await shown_at(port, name) == ssl.PEM_cert_to_DER_cert(leaf.certificate)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            await shown_at(port, "tail.example")
        with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
            await shown_at(port, "head.example", other)


def test_a_leaf_does_not_outlive_its_authority() -> None:
    short = make_authority(NOW, days=30)
    assert describe(issue(short, ["a"], NOW).certificate).expires_at <= NOW + timedelta(days=30)
    with pytest.raises(InvalidInput, match="make a new one with `gpool cert init --replace`"):
        issue(short, ["a"], NOW + timedelta(days=31))


@pytest.mark.parametrize("name", ["", "a b", "-a", "a..b", "x" * 64, "a/b", "münchen", "http://a"])
def test_names_that_cannot_be_in_a_certificate(name: str) -> None:
    with pytest.raises(InvalidInput, match="neither a host name nor an address"):
        issue(AUTHORITY, [name], NOW)


async def test_a_server_shows_a_new_certificate_without_ending_connections(tmp_path: Path) -> None:
    files = write(tmp_path, issue(AUTHORITY, ["a"], NOW))
    serving = ServingCertificate(*files)
    assert not serving.reload()
    async with server(serving, "still there") as port:
        before = await shown_at(port, "a")
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting(AUTHORITY), server_hostname="a")
        files[1].write_text("not a key")
        with pytest.raises(CannotStart, match="are no certificate with its key"):
            serving.reload()
        assert await shown_at(port, "a") == before, "what was good is shown on"
        write(tmp_path, issue(AUTHORITY, ["a", "b"], NOW, days=7))
        assert serving.reload()
        assert serving.expires_at < NOW + timedelta(days=8)
        assert await shown_at(port, "b") != before
        writer.write(b"GET / HTTP/1.0\r\n")
        assert b"still there" in await reader.read()
        writer.close()


async def test_a_fingerprint_fetches_the_authority_once_and_only_that_one(tmp_path: Path) -> None:
    serving = ServingCertificate(*write(tmp_path, issue(AUTHORITY, ["127.0.0.1"], NOW)))
    folder = tmp_path / "kept"
    second = make_authority(NOW).certificate
    async with server(serving, {"certificate": AUTHORITY.certificate + second}) as port:
        path = await asyncio.to_thread(authority_file, PIN, "127.0.0.1", port, str(folder))
    (kept,) = folder.iterdir()
    assert path == str(kept)
    assert kept.read_text().strip() == AUTHORITY.certificate.strip(), "what was behind it was not vouched for"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert authority_file(PIN, "127.0.0.1", port, str(folder)) == path, "nobody is asked again"
    wrong = describe(second).fingerprint
    async with server(serving, {"certificate": AUTHORITY.certificate}) as port:
        with pytest.raises(InvalidInput, match=f"is {PIN}, not {wrong}; compare with `gpool cert show`"):
            await asyncio.to_thread(authority_file, wrong, "127.0.0.1", port, str(folder))
    async with server(serving, {"type": "about:blank", "status": 404}) as port:
        with pytest.raises(InvalidInput, match="does not say which authority vouches for it"):
            await asyncio.to_thread(authority_file, wrong, "127.0.0.1", port, str(folder))
    assert [found.name for found in folder.iterdir()] == [f"{PIN.removeprefix('sha256:')}.pem"]


def test_what_names_no_authority(tmp_path: Path) -> None:
    check_authority(PIN)
    for wrong in ("sha256:12", PIN.upper().replace("SHA256", "sha256"), "sha256:" + "g" * 64):
        with pytest.raises(InvalidInput, match="no fingerprint of an authority"):
            check_authority(wrong)
    with pytest.raises(InvalidInput, match=r"ca\.pem', the authority to trust, is not there"):
        check_authority(str(tmp_path / "ca.pem"))
