"""Tables of how the pool is shared, and of what has happened in it."""

from sqlalchemy import BigInteger, Column, Double, Index, String, Table, Text

from gpool.store.tables import metadata

__all__ = ["event", "policy", "queue_use"]

policy = Table(
    "policy",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("document", Text, nullable=False),
)
"""A queue, a priority class, a calendar or the settings, one a row."""

queue_use = Table(
    "queue_use",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("average", Double, nullable=False),
    Column("as_of", Double, nullable=False),
)
"""GPUs that a queue has used over time; for the order of those who borrow."""

event = Table(
    "event",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, nullable=False),
    Column("object_kind", String(16), nullable=False),
    Column("object_name", String(128), nullable=False),
    Column("type", String(32), nullable=False),
    Column("message", Text, nullable=False),
    Index("event_by_object", "object_kind", "object_name", "id"),
)
