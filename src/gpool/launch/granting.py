"""Waiting for the grant of a lease that was asked for, and saying for what."""

from __future__ import annotations

import threading
import time
from typing import Any

from gpool.errors import ControllerUnreachable, ImpossibleRequest, LeaseOver, LeaseTimedOut
from gpool.hardware.host import boot_id
from gpool.launch.api_client import ApiClient
from gpool.launch.broker import unreachable_over_shm
from gpool.launch.holding import Holding

__all__ = ["check_transport", "wait_for_grant"]


def wait_for_grant(
    api: ApiClient,
    lease: dict[str, Any],
    holding: Holding,
    timeout_s: float | None,
    cancelled: threading.Event | None = None,
) -> None:
    """Return when `lease` is active and `holding` has its tickets; tells what it waits for meanwhile.

    Raises `LeaseTimedOut`, `LeaseOver` (also when it is `cancelled`, which is looked at every few seconds) or
    `ControllerUnreachable`.
    """
    said = None
    waiting_since = time.monotonic()
    last_answer = waiting_since
    while lease["state"] == "pending":
        # The controller ends a request at its timeout; the margin is for one that has stopped answering.
        if timeout_s is not None and time.monotonic() - waiting_since > timeout_s + 10:
            raise LeaseTimedOut(f"lease {lease['id']} was not granted within {timeout_s:g} seconds, and no answer came")
        if cancelled is not None and cancelled.is_set():
            raise LeaseOver(f"nobody waits for lease {lease['id']} any more; start the program again")
        reason = lease.get("reason") or "no GPU is free for it yet"
        if reason != said:
            holding.tell(f"lease {lease['id']} waits: {reason}")
            said = reason
        try:
            api.get(f"/leases/{lease['id']}", wait_s=float(lease.get("renew_every_s", 5.0)))
            lease = api.post(f"/leases/{lease['id']}/renew")["lease"]
            last_answer = time.monotonic()
        except LeaseOver:
            lease = api.get(f"/leases/{lease['id']}")
        except ControllerUnreachable as error:
            if time.monotonic() - last_answer > float(lease.get("lifetime_s", 30.0)):
                raise
            if said != str(error):
                holding.tell(f"{str(error).rstrip('.')}; lease {lease['id']} goes on waiting for a while")
                said = str(error)
            time.sleep(1.0)
    if lease["state"] == "active":
        holding.renew()
    if holding.lost is not None or lease["state"] != "active":
        reason = holding.lost or lease.get("reason") or f"lease {lease['id']} ended before it was granted"
        raise LeaseTimedOut(reason) if timeout_s is not None else LeaseOver(reason)
    if said is not None:
        holding.tell(f"lease {lease['id']} is granted after {time.monotonic() - waiting_since:.0f} s")


def check_transport(holding: Holding, transport: str) -> None:
    """Raise `ImpossibleRequest` when only shared memory will do and some node has none with this host."""
    if transport != "shm":
        return
    node = unreachable_over_shm(holding.sessions, boot_id())
    if node is not None:
        raise ImpossibleRequest(
            f"the shared memory of node {node} cannot be reached from this host; "
            f"ask for a node of this host with --node, or use --transport auto or tcp"
        )
