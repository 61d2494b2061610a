"""Statements of the audit log."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Delete, Insert, Row, Select, delete, insert, select

from gpool.model.audit import AuditEntry
from gpool.store.tables import audit

__all__ = ["entry_of", "forget_entries", "insert_entries", "select_entries"]


def insert_entries(entries: Iterable[AuditEntry]) -> Insert:
    """Append these, at least one."""
    rows = [{**entry.model_dump(exclude={"id", "at"}), "at": entry.at.timestamp()} for entry in entries]
    return insert(audit).values(rows)


def select_entries(
    limit: int, before: int | None, *, actor: str | None, action: str | None, subject: str | None
) -> Select[tuple[object, ...]]:
    """At most `limit` entries, newest first, with ids below `before`."""
    columns = audit.c
    query = select(audit).order_by(columns.id.desc()).limit(limit)
    if before is not None:
        query = query.where(columns.id < before)
    if actor is not None:
        query = query.where(columns.actor == actor)
    if action is not None:
        query = query.where((columns.action == action) | columns.action.startswith(f"{action}.", autoescape=True))
    if subject is not None:
        query = query.where(columns.object == subject)
    return query


def forget_entries(before: datetime) -> Delete:
    """Delete what is older."""
    return delete(audit).where(audit.c.at < before.timestamp())


def entry_of(row: Row[tuple[object, ...]]) -> AuditEntry:
    """The entry in a row of `select_entries`."""
    values = dict(row._mapping)
    return AuditEntry.model_validate({**values, "at": datetime.fromtimestamp(values["at"], UTC)})
