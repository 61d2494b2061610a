"""`gpool backup`: all that a pool remembers, in one file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO

import click

from gpool import paths

__all__ = ["command", "database_options"]


def database_options(function: click.decorators.FC) -> click.decorators.FC:
    """`--state` and `--database`, as `gpool controller` takes them."""
    state = click.option(
        "--state", metavar="DIR", type=click.Path(path_type=Path), help="Folder of the controller, for its gpool.db."
    )
    database = click.option(
        "--database",
        metavar="URL",
        envvar="GPOOL_DATABASE",
        help="Its database. [GPOOL_DATABASE, then that of --state]",
    )
    return state(database(function))


@click.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@database_options
def command(file: Path, state: Path | None, database: str | None) -> None:
    """Write the pool's leases, nodes, tokens and queues to FILE, while its controller works on.

    FILE holds the keys of the nodes, so only its owner may read it. It appears when it is whole.

    \b
    gpool backup /backups/pool-$(date +%F).jsonl
    gpool backup --database postgresql://gpool@db.example/gpool pool.jsonl
    """
    import asyncio

    from gpool.errors import CannotStart, InvalidInput
    from gpool.store.backup import backup_lines
    from gpool.store.database import Database, database_file, database_url
    from gpool.store.schema import known_revisions

    url = database_url(database, (state or Path(paths.state_folder())).absolute())
    known = database_file(url)
    if known is not None and not known.is_file():
        raise CannotStart(f"there is no database {known}; name it with --database, or its folder with --state")

    async def write(out: IO[str]) -> int:
        # Only opened, not migrated: whoever leads it may be of the version before.
        opened = await Database.open(url, revision=known_revisions()[0])
        try:
            lines = 0
            async for line in backup_lines(opened):
                out.write(line)
                lines += 1
            return lines - 2  # the first one and the last are no rows
        finally:
            await opened.close()

    passing = file.with_name(f"{file.name}.new")
    try:
        with open(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
            os.fchmod(out.fileno(), 0o600)
            rows = asyncio.run(write(out))
            out.flush()
            os.fsync(out.fileno())
        passing.replace(file)
    except OSError as error:
        raise InvalidInput(f"{file} cannot be written ({error.strerror}); name another file") from error
    finally:
        passing.unlink(missing_ok=True)
    click.echo(f"{rows} rows in {file}")
