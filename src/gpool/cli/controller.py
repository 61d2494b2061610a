"""`gpool controller`: the controller in the foreground."""

from __future__ import annotations

import socket
import sys
from ipaddress import ip_address
from pathlib import Path

import click

from gpool import paths
from gpool.errors import InvalidInput

TYPE_CHECKING = False
if TYPE_CHECKING:
    from gpool.controller.first_start import FirstTokens

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
    "--log-level", type=click.Choice(["debug", "info", "warning", "error"]), default="info", show_default=True
)
@click.option("--no-client-file", is_flag=True, help="Do not write the user's client.toml.")
def command(
    listen: str,
    state: Path | None,
    database: str | None,
    advertise: str | None,
    leadership: float,
    lease_lifetime: float,
    log_level: str,
    no_client_file: bool,
) -> None:
    """Run the controller in the foreground.

    It ends in good order on SIGTERM and Ctrl-C. Running programs do not need it: they go on while it is away.
    Of several controllers on one PostgreSQL database one leads, and the others wait to take its place.

    \b
    gpool controller
    gpool controller --listen 0.0.0.0:7070 --database postgresql://gpool@db.example/gpool
    """
    # Imported here: the server's libraries take half a second, which `gpool controller --help` need not pay.
    import asyncio

    from gpool.api.app import create_app
    from gpool.api.standby import create_standby
    from gpool.controller.process import run_controller
    from gpool.controller.settings import ControllerSettings, PoolTimes
    from gpool.logs import configure_logs
    from gpool.store.database import database_url

    host, port = _address(listen)
    folder = (state or Path(paths.state_folder())).absolute()
    if lease_lifetime <= leadership:
        raise InvalidInput(
            f"leases that live for {lease_lifetime:g} s would expire while a database waits {leadership:g} s for its "
            "leader; make --lease-lifetime longer than --leadership"
        )
    configure_logs(log_level)

    def announce(url: str, tokens: FirstTokens) -> None:
        _announce(url, host, folder, tokens, write_client_file=not no_client_file)

    settings = ControllerSettings(
        host,
        port,
        folder,
        database_url(database, folder),
        advertise=_advertised(advertise, host, port),
        leadership_s=leadership,
        times=PoolTimes(renew_every_s=lease_lifetime / 6, lifetime_s=lease_lifetime),
    )
    asyncio.run(run_controller(settings, create_app, create_standby, announce))


def _advertised(advertise: str | None, host: str, port: int) -> str | None:
    if advertise is not None:
        if not advertise.startswith(("http://", "https://")) or len(advertise) > 1000:
            raise InvalidInput(f"'{advertise}' is no address of an API; --advertise looks like http://HOST:7070")
        return advertise.rstrip("/")
    return f"http://{socket.gethostname()}:{port}" if host in ("0.0.0.0", "::") and port else None


def _address(listen: str) -> tuple[str, int]:
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isascii() or not port.isdecimal() or int(port) > 65535:
        raise InvalidInput(f"'{listen}' is no address to listen on; write HOST:PORT, such as 127.0.0.1:7070")
    return host, int(port)


def _announce(url: str, host: str, folder: Path, tokens: FirstTokens, *, write_client_file: bool) -> None:
    everywhere = host in ("0.0.0.0", "::")
    join_url = f"http://{socket.gethostname()}:{url.rpartition(':')[2]}" if everywhere else url
    lines = [f"The API is at {url}"]
    if tokens.join:
        lines.append(f"Add a node:   gpool agent --join {join_url} --token {tokens.join}")
    else:
        lines.append("Add a node:   make a token with `gpool token create --role node NAME`, then `gpool agent --join`")
    if tokens.admin:
        lines.append(f"Your token:   {folder / 'admin.token'}")
        if write_client_file:
            lines.append(_client_file(url, tokens.admin))
    print("\n".join(lines), flush=True)  # noqa: T201 - this is the command's output
    if everywhere or not _is_loopback(url):
        sentence = "gpool: warning: the API is reachable from other machines without encryption; put TLS in front of it"
        print(sentence, file=sys.stderr, flush=True)  # noqa: T201


def _client_file(url: str, token: str) -> str:
    """Write the user's client.toml unless it is about another pool; returns the line that tells what was done."""
    import tomllib

    from gpool.security.private_files import private_folder, write_private

    path = Path(paths.client_file())
    try:
        known = tomllib.loads(path.read_text()).get("api", url)
    except FileNotFoundError:
        known = url
    except (OSError, ValueError):
        known = None
    if known != url:
        return f"{path} is about another pool and was left alone; use --api {url} with the token above"
    private_folder(path.parent)
    write_private(path, f'api = "{url}"\ntoken = "{token}"\n')
    return f"Your client:  {path} (what `gpool run` and the others use)"


def _is_loopback(url: str) -> bool:
    host = url.removeprefix("http://").rpartition(":")[0].strip("[]")
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
