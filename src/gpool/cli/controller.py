"""`gpool controller`: the controller in the foreground."""

from __future__ import annotations

import functools
import socket
import sys
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import click

from gpool import paths
from gpool.errors import CannotStart, InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gpool.controller.first_start import FirstTokens
    from gpool.security.identity import IdentityProvider

__all__ = ["command"]


@click.command("controller")
@click.option(
    "--listen", metavar="HOST:PORT", default="127.0.0.1:7070", show_default=True, help="Where the API answers."
)
@click.option("--state", metavar="DIR", type=click.Path(path_type=Path), help="Folder of database, keys and tokens.")
@click.option(
    "--database",
    metavar="URL",
    envvar="GPOOL_DATABASE",
    help="sqlite:////path, or postgresql://USER@HOST/DATABASE, which several controllers may share. "
    "[GPOOL_DATABASE, then gpool.db in the state folder]",
)
@click.option(
    "--advertise",
    metavar="URL",
    help="The API's address as others reach it, to which a waiting controller sends them. [the address of --listen]",
)
@click.option(
    "--tls",
    type=click.Choice(["auto", "on", "off"]),
    default="auto",
    show_default=True,
    help="Whether the API speaks TLS; auto: unless only this machine reaches it. `off` where a proxy does it.",
)
@click.option(
    "--tls-cert",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Certificate of your own, PEM, with its chain. [made by the pool's own authority]",
)
@click.option("--tls-key", metavar="FILE", type=click.Path(path_type=Path), help="Its key, PEM, without a password.")
@click.option(
    "--tls-name",
    metavar="NAME",
    multiple=True,
    help="A further name or address that the certificate of the pool's authority is for; may be repeated.",
)
@click.option(
    "--leadership",
    metavar="SECONDS",
    type=click.FloatRange(1, 3600),
    default=15.0,
    show_default=True,
    help="How long after the leading controller has died another one waits for it.",
)
@click.option(
    "--lease-lifetime",
    metavar="SECONDS",
    type=click.FloatRange(3, 86_400),
    default=30.0,
    show_default=True,
    help="How long a lease lives on when its program is not heard of; longer than --leadership.",
)
@click.option(
    "--oidc",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Let people log in with an identity provider (OpenID Connect), by the rules in this file.",
)
@click.option(
    "--rate-limit",
    metavar="N",
    type=click.FloatRange(0, 1_000_000),
    default=100.0,
    show_default=True,
    help="Requests per second that one token may make, with five times as many at once; 0: any number.",
)
@click.option("--open-metrics", is_flag=True, help="Serve /metrics to everybody; otherwise to whoever has a token.")
@click.option(
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--no-client-file", is_flag=True, help="Do not write the user's client.toml.")
def command(
    listen: str,
    state: Path | None,
    database: str | None,
    advertise: str | None,
    tls: Literal["auto", "on", "off"],
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_name: tuple[str, ...],
    leadership: float,
    lease_lifetime: float,
    oidc: Path | None,
    rate_limit: float,
    open_metrics: bool,
    log_level: str,
    no_client_file: bool,
) -> None:
    """Run the controller in the foreground.

    It ends in good order on SIGTERM and Ctrl-C. Running programs do not need it: they go on while it is away.
    Of several controllers on one PostgreSQL database one leads, and the others wait to take its place.
    Where other machines reach it, it speaks TLS, with a certificate that it makes and renews itself, or with yours.

    \b
    gpool controller
    gpool controller --listen 0.0.0.0:7070 --database postgresql://gpool@db.example/gpool
    """
    # Imported here: the server's libraries take half a second, which `gpool controller --help` need not pay.
    import asyncio

    from gpool.api.app import create_app
    from gpool.api.standby import create_standby
    from gpool.controller.process import run_controller
    from gpool.controller.settings import ControllerSettings, PoolTimes, TlsSettings
    from gpool.logs import configure_logs
    from gpool.security.rate_limits import RateLimits
    from gpool.store.database import database_url

    host, port = _address(listen)
    folder = (state or Path(paths.state_folder())).absolute()
    if lease_lifetime <= leadership:
        raise InvalidInput(
            f"leases that live for {lease_lifetime:g} s would expire while a database waits {leadership:g} s for its "
            "leader; make --lease-lifetime longer than --leadership"
        )
    if (tls_cert is None) != (tls_key is None) or (tls_cert is not None and tls == "off"):
        raise InvalidInput("--tls-cert and --tls-key belong together, and not to --tls off; give both, or neither")
    tls_settings = TlsSettings(tls, tls_cert, tls_key, _names(tls_name, advertise))
    secure = tls_settings.wanted(host)
    configure_logs(log_level)

    def announce(url: str, tokens: FirstTokens, authority: str | None) -> None:
        _announce(url, host, folder, tokens, authority, write_client_file=not no_client_file)

    settings = ControllerSettings(
        host,
        port,
        folder,
        database_url(database, folder),
        advertise=_advertised(advertise, host, port, tls=secure),
        leadership_s=leadership,
        tls=tls_settings,
        limits=RateLimits(token_per_s=rate_limit, token_burst=max(1.0, 5 * rate_limit)),
        times=PoolTimes(renew_every_s=lease_lifetime / 6, lifetime_s=lease_lifetime),
    )
    make_app = functools.partial(create_app, identity_provider=_identity_provider(oidc), open_metrics=open_metrics)
    asyncio.run(run_controller(settings, make_app, create_standby, announce))


def _identity_provider(file: Path | None) -> IdentityProvider | None:
    if file is None:
        return None
    try:
        from gpool.security.identity import IdentityProvider, read_identity_settings
    except ModuleNotFoundError as error:
        raise CannotStart("logging in needs a library; install it with: pip install 'gpool[oidc]'") from error
    return IdentityProvider(read_identity_settings(file))


def _advertised(advertise: str | None, host: str, port: int, *, tls: bool) -> str | None:
    scheme = "https" if tls else "http"
    if advertise is not None:
        if not advertise.startswith(("http://", "https://")) or len(advertise) > 1000:
            raise InvalidInput(f"'{advertise}' is no address of an API; --advertise looks like {scheme}://HOST:7070")
        return advertise.rstrip("/")
    return f"{scheme}://{socket.gethostname()}:{port}" if host in ("0.0.0.0", "::") and port else None


def _names(names: tuple[str, ...], advertise: str | None) -> tuple[str, ...]:
    """Those that were given, and the one in the address that others are told."""
    host = (urlsplit(advertise).hostname or "") if advertise else ""
    return tuple(name for name in (host, *names) if name)


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise InvalidInput(f"'{listen}' is no address to listen on; write HOST:PORT, such as 127.0.0.1:7070")
    return host, int(port)


def _announce(
    url: str, host: str, folder: Path, tokens: FirstTokens, authority: str | None, *, write_client_file: bool
) -> None:
    from gpool.controller.certificates import AUTHORITY_FILE, leaf_files
    from gpool.controller.settings import is_loopback
    from gpool.security.authority import describe

    scheme, _, rest = url.partition("://")
    join_url = f"{scheme}://{socket.gethostname()}:{rest.rpartition(':')[2]}" if host in ("0.0.0.0", "::") else url
    pin = "" if authority is None else describe(authority).fingerprint
    join = f"gpool agent --join {join_url}" + (f" --ca {pin}" if pin else "")
    lines = [f"The API is at {url}"]
    if tokens.join:
        lines.append(f"Add a node:   {join} --token {tokens.join}")
    else:
        lines.append(f"Add a node:   make a token with `gpool token create --role node NAME`, then `{join}`")
    if pin:
        lines.append(f"Authority:    {pin}")
    if tokens.admin:
        lines.append(f"Your token:   {folder / 'admin.token'}")
        if write_client_file:
            ca = str(leaf_files(folder)[0].with_name(AUTHORITY_FILE)) if pin else ""
            lines.append(_client_file(url, tokens.admin, ca))
    print("\n".join(lines), flush=True)  # noqa: T201 - this is the command's output
    if scheme == "http" and not is_loopback(host):
        sentence = (
            "gpool: warning: the API is reachable from other machines without encryption, and tokens with it; "
            "leave --tls off only behind a proxy that speaks TLS"
        )
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201


def _client_file(url: str, token: str, ca: str) -> str:
    """Write the user's client.toml unless it is about another pool; returns the line that tells what was done."""
    import tomllib

    from gpool.launch.client_settings import write_client_file

    path = Path(paths.client_file())
    try:
        known = tomllib.loads(path.read_text()).get("api", url)
    except FileNotFoundError:
        known = url
    except (OSError, ValueError):
        known = None
    if known != url:
        return f"{path} is about another pool and was left alone; use --api {url} with the token above"
    try:
        write_client_file(url, token, ca)
    except OSError as error:
        raise CannotStart(f"cannot write {path} ({error.strerror}); use --no-client-file to do without") from error
    return f"Your client:  {path} (what `gpool run` and the others use)"
