"""`gpool restore`: a pool from its backup."""

from __future__ import annotations

from pathlib import Path

import click

from gpool import paths
from gpool.cli.backup import database_options

__all__ = ["command"]


@click.command("restore")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
@database_options
def command(file: Path, state: Path | None, database: str | None) -> None:
    """Fill an empty database with the pool that `gpool backup` wrote to FILE.

    Start a controller on it afterwards: tokens, nodes and leases are those of the backup. The database need not be of
    the same kind, so this also moves a pool from SQLite to PostgreSQL.

    \b
    gpool restore pool.jsonl --database postgresql://gpool@db.example/gpool
    """
    import asyncio

    from gpool.errors import InvalidInput
    from gpool.security.private_files import private_folder
    from gpool.store.backup import restore_lines
    from gpool.store.database import Database, database_file, database_url
    from gpool.store.leadership import DatabaseLock

    url = database_url(database, (state or Path(paths.state_folder())).absolute())
    own = database_file(url)

    async def fill() -> int:
        with file.open(encoding="utf-8") as lines:
            opened = await Database.open(url)
            try:
                return await restore_lines(opened, lines)
            finally:
                await opened.close()

    try:
        file.open("rb").close()
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read ({error.strerror}); name the file of a backup") from error
    lock = None
    if own is not None:
        private_folder(own.parent)
        lock = DatabaseLock.take(own)
    try:
        rows = asyncio.run(fill())
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is no backup of gpool: it is not text in UTF-8") from error
    finally:
        if lock is not None:
            lock.release()
    click.echo(f"{rows} rows from {file}; start a controller on this database now")
