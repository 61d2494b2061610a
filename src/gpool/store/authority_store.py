"""The pool's certificate authority: in the database, so that all its controllers have the same, and a backup has it.

Written without leadership: controllers that wait speak TLS too. What is there first stays, whoever comes second.
"""

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError

from gpool.model.certificate import Certified
from gpool.store.database import Database
from gpool.store.tables import authority

__all__ = ["keep_authority", "load_authority", "replace_authority"]

_NAME = "pool"


async def load_authority(database: Database) -> Certified | None:
    """The pool's authority; None before it has one. Raises `Unavailable`."""
    query = select(authority.c.certificate, authority.c.key).where(authority.c.name == _NAME)
    async with database.read() as connection:
        row = (await connection.execute(query)).one_or_none()
    return None if row is None else Certified(row.certificate, row.key)


async def keep_authority(database: Database, fresh: Certified) -> Certified:
    """Make `fresh` the pool's authority unless it has one; returns the one that it has. Raises `Unavailable`."""
    try:
        async with database.write() as connection:
            await connection.execute(insert(authority).values(_row(fresh)))
    except IntegrityError:
        pass  # another controller was quicker
    found = await load_authority(database)
    assert found is not None, "rows of this table are replaced, never only deleted"
    return found


async def replace_authority(database: Database, fresh: Certified) -> None:
    """Make `fresh` the pool's authority. Raises `Unavailable`."""
    async with database.write() as connection:
        await connection.execute(delete(authority).where(authority.c.name == _NAME))
        await connection.execute(insert(authority).values(_row(fresh)))


def _row(certified: Certified) -> dict[str, str]:
    return {"name": _NAME, "certificate": certified.certificate, "key": certified.key}
