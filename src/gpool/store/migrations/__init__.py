"""Alembic migrations, run by `gpool.store.database` when it opens."""
