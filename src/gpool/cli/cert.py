"""`gpool cert`: the pool's own certificate authority, and what it vouches for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gpool import paths
from gpool.cli.backup import database_options
from gpool.cli.pool_options import echo_json, json_option

if TYPE_CHECKING:
    from datetime import datetime

    from gpool.model.certificate import Certified
    from gpool.store.database import Database

__all__ = ["command"]

T = TypeVar("T")


@click.group()
def command() -> None:
    """Show, make and renew the certificates of the controller and of agents.

    A pool has an authority of its own, in its database. The first controller that speaks TLS makes it; every controller
    makes its certificate with it, and renews it a month before its end. These commands are for all else. They speak
    with the database, as `gpool backup` does: run them on the controller's machine, as its user.
    """


@command.command("init")
@database_options
@click.option("--days", metavar="N", type=click.IntRange(1, 36_500), help="How long it is good. [3650]")
@click.option("--replace", is_flag=True, help="Make another one; agents and users must be given its fingerprint.")
def init(state: Path | None, database: str | None, days: int | None, replace: bool) -> None:
    """Make the pool's authority, before its first start or in place of one that is lost, old or known to others.

    \b
    gpool cert init
    gpool cert init --replace      # then hand the new fingerprint to agents and users
    """
    from gpool.errors import Conflict
    from gpool.security.authority import AUTHORITY_DAYS, describe, make_authority
    from gpool.store.authority_store import load_authority, replace_authority

    async def make(opened: Database) -> Certified:
        known = await load_authority(opened)
        if known is not None and not replace:
            raise Conflict(
                f"the pool has the authority {describe(known.certificate).fingerprint} already; "
                "--replace makes another one"
            )
        fresh = make_authority(_now(), days or AUTHORITY_DAYS)
        await replace_authority(opened, fresh)
        return fresh

    made = describe(_with_database(make, state, database).certificate)
    click.echo(f"authority {made.fingerprint}, good until {_day(made.expires_at)}")
    if replace:
        click.echo("controllers take it up within a minute; agents and users need the new fingerprint", err=True)


@command.command("show")
@database_options
@click.option("--pem", is_flag=True, help="The authority's certificate itself, to be copied to where it is trusted.")
@json_option
def show(state: Path | None, database: str | None, pem: bool, as_json: bool) -> None:
    """Show the pool's authority and this controller's certificate: for whom they are, and until when.

    \b
    gpool cert show --state /var/lib/gpool
    gpool cert show --pem > ca.pem
    """
    from gpool.controller.certificates import leaf_files
    from gpool.security.authority import describe, is_of

    authority = _authority(state, database)
    if pem:
        click.echo(authority.certificate, nl=False)
        return
    own = describe(authority.certificate)
    file, _ = leaf_files(_folder(state))
    leaf = _read(file)
    told: dict[str, Any] = {"authority": {"fingerprint": own.fingerprint, "expires_at": own.expires_at.isoformat()}}
    lines = [f"authority    {own.fingerprint}", f"             expires {_until(own.expires_at)}"]
    if leaf is None:
        lines.append(f"controller   no certificate in {file.parent}; its next start with TLS makes one")
    else:
        found, ours = describe(leaf), is_of(leaf, authority.certificate)
        told["controller"] = {
            "file": str(file),
            "names": list(found.names),
            "expires_at": found.expires_at.isoformat(),
            "of_this_authority": ours,
        }
        lines += [f"controller   {file}", f"             for {', '.join(found.names)}"]
        lines.append(f"             expires {_until(found.expires_at)}" + ("" if ours else "; of another authority"))
    if as_json:
        echo_json(told)
    else:
        click.echo("\n".join(lines))


@command.command("issue")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for NAME.pem, NAME.key and ca.pem; the key is readable by its owner alone.",
)
@click.option("--days", metavar="N", type=click.IntRange(1, 3650), help="How long it is good. [90]")
@database_options
def issue_certificate(
    names: tuple[str, ...], out: Path, days: int | None, state: Path | None, database: str | None
) -> None:
    """Make a certificate for the host names and addresses NAME..., good for a server and for a client.

    For a proxy in front of the controller, a controller that cannot reach the database's authority at its start, or an
    agent's machine.

    \b
    gpool cert issue pool.example 10.0.0.5 --out /etc/nginx/gpool
    """
    from gpool.controller.certificates import AUTHORITY_FILE
    from gpool.security.authority import LEAF_DAYS, describe, issue
    from gpool.security.private_files import private_folder, write_private

    authority = _authority(state, database)
    made = issue(authority, names, _now(), days or LEAF_DAYS)
    private_folder(out)
    stem = names[0].replace("*", "any").replace(":", "-")
    write_private(out / f"{stem}.key", made.key)
    write_private(out / f"{stem}.pem", made.certificate)
    write_private(out / AUTHORITY_FILE, authority.certificate)
    click.echo(f"{out / stem}.pem, good until {_day(describe(made.certificate).expires_at)}; renew it by hand")


@command.command("renew")
@click.option("--name", "names", metavar="NAME", multiple=True, help="A further name or address; may be repeated.")
@click.option("--days", metavar="N", type=click.IntRange(1, 3650), help="How long it is good. [90]")
@database_options
def renew(names: tuple[str, ...], days: int | None, state: Path | None, database: str | None) -> None:
    """Make this controller's certificate anew now, for the names that it has and for NAME.

    A running controller takes it up within seconds; connections stay. Run it as the user that the controller runs as.

    \b
    gpool cert renew --name pool.example
    """
    from gpool.controller.certificates import leaf_files, names_of_this_host, write_leaf
    from gpool.security.authority import LEAF_DAYS, describe

    folder = _folder(state)
    authority = _authority(state, database)
    leaf = _read(leaf_files(folder)[0])
    known = describe(leaf).names if leaf else names_of_this_host("0.0.0.0")
    wanted = list(dict.fromkeys([*known, *names]))
    write_leaf(folder, authority, wanted, _now(), days or LEAF_DAYS)
    file = leaf_files(folder)[0]
    made = describe(file.read_text())
    click.echo(f"{file}, for {', '.join(made.names)}, good until {_day(made.expires_at)}")


def _folder(state: Path | None) -> Path:
    return (state or Path(paths.state_folder())).absolute()


def _with_database(work: Callable[[Database], Awaitable[T]], state: Path | None, database: str | None) -> T:
    import asyncio

    from gpool.security.private_files import private_folder
    from gpool.store.database import Database, database_file, database_url

    url = database_url(database, _folder(state))
    file = database_file(url)
    if file is not None:
        private_folder(file.parent)

    async def run() -> T:
        opened = await Database.open(url)
        try:
            return await work(opened)
        finally:
            await opened.close()

    return asyncio.run(run())


def _authority(state: Path | None, database: str | None) -> Certified:
    from gpool.errors import CannotStart
    from gpool.store.authority_store import load_authority
    from gpool.store.database import database_file, database_url

    file = database_file(database_url(database, _folder(state)))
    if file is not None and not file.is_file():
        raise CannotStart(f"there is no database {file}; name it with --database, or its folder with --state")
    found = _with_database(load_authority, state, database)
    if found is None:
        raise CannotStart(
            "this pool has no authority yet: none of its controllers has spoken TLS; make one with `gpool cert init`"
        )
    return found


def _read(file: Path) -> str | None:
    try:
        return file.read_text()
    except (OSError, UnicodeDecodeError):
        return None


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"


def _until(instant: datetime) -> str:
    left = (instant - _now()).days
    return f"{_day(instant)}, " + (f"in {left} days" if left >= 0 else "which is past")
