"""The tables' history: bringing a database to a revision, and saying which one it has."""

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from gpool.store.migrations import __path__ as migrations_path

__all__ = ["HEAD", "known_revisions", "migrate", "revision_of"]

HEAD = "head"


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(next(iter(migrations_path))).replace("%", "%%"))
    return config


def migrate(connection: Connection, revision: str = HEAD) -> None:
    """Run the migrations that are missing up to `revision`. Raises alembic's `CommandError` for a newer database."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def revision_of(connection: Connection) -> str | None:
    """The revision of the database; None before the first migration."""
    return MigrationContext.configure(connection).get_current_revision()


def known_revisions() -> list[str]:
    """All revisions that this gpool knows, the first one first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]
