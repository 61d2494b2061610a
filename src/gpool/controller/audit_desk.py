"""The audit log of the live pool."""

from datetime import timedelta

from gpool.controller.pool_memory import PoolMemory
from gpool.model.audit import AuditEntry

__all__ = ["AuditDesk"]


class AuditDesk(PoolMemory):
    """Who did what."""

    async def audit_entries(
        self,
        limit: int,
        before: int | None = None,
        *,
        actor: str | None = None,
        action: str | None = None,
        subject: str | None = None,
    ) -> list[AuditEntry]:
        """At most `limit` entries, newest first, with ids below `before`; those of this actor, action and object.

        `action` may be a noun alone: `node` stands for `node.drain` and all others.
        """
        return await self._store.audit_entries(limit, before, actor=actor, action=action, subject=subject)

    async def forget_old_audit(self) -> int:
        """Delete entries that are older than `times.keep_audit_s`; returns how many."""
        before = self.now() - timedelta(seconds=self.times.keep_audit_s)
        async with self._store.write() as writer:
            return await writer.forget_audit(before)
