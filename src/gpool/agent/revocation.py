"""Which leases a node must refuse, from what the controller wants. Pure.

A session may be open before the `desired` that holds its lease has arrived: tickets and `desired` travel different
ways. A lease that is merely unknown is therefore not revoked; it must be named, or have been there before, or have had
sessions since before the controller worked out what it wants.
"""

from __future__ import annotations

from gpool.channel.messages import Desired

__all__ = ["leases_to_revoke"]


def leases_to_revoke(before: Desired | None, now: Desired, with_older_sessions: set[str]) -> set[str]:
    """Ids to revoke at workerd now that `now` has come after `before` (None: nothing has come so far).

    with_older_sessions: leases that had sessions here when the connection to the controller was made, or earlier.
    """
    wanted = {lease.id for lease in now.leases}
    had = {lease.id for lease in before.leases} if before is not None else set()
    return (set(now.revoked) | had | with_older_sessions) - wanted
