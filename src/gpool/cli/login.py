"""`gpool login`: become somebody in the pool by way of the company's identity provider."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import click

from gpool.errors import ControllerUnreachable, InvalidInput, LoginRefused
from gpool.launch.api_client import ApiClient
from gpool.launch.client_settings import DEFAULT_API, client_from, configured_client, write_client_file
from gpool.security.pinned_authority import check_authority

__all__ = ["command"]

_PATIENCE_S = 10.0
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


@click.command("login")
@click.option("--api", metavar="URL[,URL…]", help="Address of the controller. [GPOOL_API, then client.toml]")
@click.option(
    "--ca",
    envvar="GPOOL_CA",
    metavar="FILE|sha256:HEX",
    help="Who vouches for it: an authority's certificate, or its fingerprint. [GPOOL_CA, then client.toml]",
)
@click.option(
    "--id-token",
    metavar="FILE",
    type=click.Path(path_type=Path, allow_dash=True),
    help="File with an ID token that somebody else has got, `-` for stdin: for CI jobs that have an identity.",
)
def command(api: str | None, ca: str | None, id_token: Path | None) -> None:
    """Log in with your company's identity provider, and remember that in client.toml.

    It shows an address and a code; open the address on any device, and enter the code there.

    \b
    gpool login --api https://head:7070 --ca sha256:4f2a...
    gpool login --id-token - < id_token.jwt
    """
    if ca:
        check_authority(ca)
    url = api or os.environ.get("GPOOL_API") or configured_client().get("api", DEFAULT_API)
    ca = ca or configured_client().get("ca", "")
    # A token that is no longer good must not be shown: it would be refused before anything is looked at.
    pool = ApiClient(url, None, ca=ca) if "https:" in url else ApiClient(url, None)
    settings = pool.get("/login")
    text = _given(id_token) if id_token is not None else _by_device(settings)
    created = pool.post("/login", {"id_token": text})
    token = created["token"]
    path = write_client_file(url, created["secret"], ca)
    scope = f", in queue {token['queue']}" if token.get("queue") else ""
    click.echo(
        f"You are {token['name']} ({token['role']}{scope}) until {token['expires_at'][:16].replace('T', ' ')} UTC"
    )
    click.echo(f"Your client: {path}", err=True)
    if os.environ.get("GPOOL_TOKEN"):
        click.echo("gpool: warning: GPOOL_TOKEN is set, and goes before client.toml; unset it", err=True)


@click.command("logout")
def logout() -> None:
    """Take the login of client.toml back, and forget it."""
    known = configured_client()
    if not known.get("token"):
        raise InvalidInput("nobody is logged in: client.toml has no token")
    client_from(known.get("api"), known["token"]).delete("/login")
    write_client_file(known.get("api", DEFAULT_API), "", known.get("ca", ""))
    click.echo("logged out")


def _given(file: Path) -> str:
    try:
        with click.open_file(str(file)) as opened:
            text = str(opened.read()).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read ({error}); name a file with an ID token") from error
    if not text:
        raise InvalidInput(f"there is no ID token in {file}; it is a text with two dots")
    return text


def _by_device(settings: dict[str, Any]) -> str:
    """An ID token by the device authorization flow (RFC 8628)."""
    issuer, client_id = settings["issuer"], settings["client_id"]
    status, described = _ask_issuer(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
    begin, redeem = described.get("device_authorization_endpoint"), described.get("token_endpoint")
    if status != 200 or not begin or not redeem:
        raise InvalidInput(
            f"{issuer} does not offer the device authorization flow; have an administrator turn it on for the client "
            f"{client_id}, or give an ID token with --id-token"
        )
    status, asked = _ask_issuer(begin, {"client_id": client_id, "scope": " ".join(settings["scopes"])})
    if status != 200 or not {"device_code", "user_code", "verification_uri"} <= asked.keys():
        raise LoginRefused(f"{issuer} does not let this client log in ({_reason(asked, status)})")
    click.echo(f"Open {asked.get('verification_uri_complete') or asked['verification_uri']}", err=True)
    click.echo(f"and enter the code {asked['user_code']}", err=True)
    interval_s = max(0.2, float(asked.get("interval", 5)))
    until = time.monotonic() + float(asked.get("expires_in", 600))
    while time.monotonic() < until:
        time.sleep(interval_s)
        form = {"grant_type": _DEVICE_GRANT, "device_code": asked["device_code"], "client_id": client_id}
        status, answer = _ask_issuer(redeem, form)
        match answer.get("error"):
            case None if answer.get("id_token"):
                return str(answer["id_token"])
            case "authorization_pending":
                continue
            case "slow_down":
                interval_s += 5
            case _:
                raise LoginRefused(f"{issuer} did not let you in ({_reason(answer, status)}); log in again")
    raise LoginRefused("nobody has entered the code in time; log in again")


def _ask_issuer(url: str, form: dict[str, str] | None = None) -> tuple[int, dict[str, Any]]:
    """GET, or POST of a form; the status, and the JSON object that came back."""
    # Here and not in ApiClient's few lines of HTTP: an identity provider may answer in any way that HTTP knows.
    import urllib.error
    import urllib.parse
    import urllib.request

    if not url.startswith(("https://", "http://127.0.0.1", "http://localhost", "http://[::1]")):
        raise InvalidInput(f"{url!r} is no https:// address; an identity provider is asked over nothing else")
    data = None if form is None else urllib.parse.urlencode(form).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=_PATIENCE_S) as answer:
            status, raw = answer.status, answer.read(1 << 20)
    except urllib.error.HTTPError as error:
        status, raw = error.code, error.read(1 << 20)
    except OSError as error:
        reason = getattr(error, "reason", None) or error
        raise ControllerUnreachable(f"the identity provider at {url} cannot be reached ({reason})") from error
    try:
        value = json.loads(raw)
    except ValueError:
        value = None
    return status, value if isinstance(value, dict) else {}


def _reason(answer: dict[str, Any], status: int) -> str:
    return str(answer.get("error_description") or answer.get("error") or f"HTTP status {status}")[:200]
