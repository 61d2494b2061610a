"""The tables, as they are after the last migration.

A noun is kept as its JSON document, beside the columns that queries ask for. `revision` counts the writes of a row,
so that each write can say which one it believes to be the last. Times are seconds since the epoch.
"""

from sqlalchemy import BigInteger, Column, Double, Index, Integer, LargeBinary, MetaData, String, Table, Text

__all__ = ["answer", "audit", "authority", "leader", "lease", "metadata", "node", "token"]

metadata = MetaData()

answer = Table(
    "answer",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("request", String(64), nullable=False),
    Column("made_at", Double, nullable=False),
    Column("status", Integer),
    Column("body", LargeBinary),
    Index("answer_by_age", "made_at"),
)
"""What was answered to requests with an Idempotency-Key; sealed, see `gpool.controller.keyed`."""

authority = Table(
    "authority",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("certificate", Text, nullable=False),
    Column("key", Text, nullable=False),
)
"""The pool's own certificate authority, with its private key: one row at most."""

audit = Table(
    "audit",
    metadata,
    # SQLite counts by itself in a column of exactly INTEGER.
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("token_id", String(32), nullable=False),
    Column("actor", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("remote", String(64), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", Text, nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Index("audit_by_time", "at"),
)

leader = Table(
    "leader",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(255), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("expires_at", Double, nullable=False),
    Column("url", String(1024), nullable=False, server_default=""),
)

lease = Table(
    "lease",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("owner", String(64), nullable=False),
    Column("created_at", Double, nullable=False),
    Column("ended_at", Double),
    Column("revision", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
    Index("lease_by_state", "state", "created_at"),
)

node = Table(
    "node",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("key", LargeBinary(32), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("document", Text, nullable=False),
)

token = Table(
    "token",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("hash", String(64), nullable=False, unique=True),
    Column("document", Text, nullable=False),
)
