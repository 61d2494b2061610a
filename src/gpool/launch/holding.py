"""Holding a lease: its renewals, its tickets, and what is known when it is lost."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

from gpool.errors import Conflict, GpoolError, NotFound
from gpool.launch.api_client import ApiClient
from gpool.launch.broker import Asker, answer_lines, refusal_line

__all__ = ["Holding"]

OVER = ("ending", "ended")


class Holding:
    """A lease that this launcher holds, with the tickets of its last renewal.

    `tell` receives each sentence that the user should read, once. Methods may be called from several threads.
    """

    def __init__(
        self, api: ApiClient, lease_id: str, *, transport: str, own_host_id: str, tell: Callable[[str], None]
    ) -> None:
        self.lease_id = lease_id
        self.lease: dict[str, Any] = {}
        self.sessions: list[dict[str, Any]] = []
        self.lost: str | None = None
        self._api = api
        self._transport = transport
        self._own_host_id = own_host_id
        self.tell = tell
        self._told_unreachable = False
        self._given_back = False
        self._told_eviction: str | None = None
        self._alarmed_of: str | None = None
        self.alarm: Callable[[], None] | None = None
        """Called when the lease is about to be taken away, once for each reason; None where nobody is to be alarmed."""
        self._lock = threading.Lock()
        self.granted = threading.Event()
        """Set when there are GPUs to tell of."""
        self._granted_s = 0.0
        self._warned = False

    @property
    def called(self) -> str:
        """What to call it in sentences."""
        return f"lease {self.lease_id}" if self.lease_id else "the lease"

    def renew(self) -> None:
        """Renew once and keep the fresh tickets. Raises `GpoolError` when the controller refuses or is not there."""
        answer = self._api.post(f"/leases/{self.lease_id}/renew")
        lease = answer["lease"]
        with self._lock:
            if lease["state"] in OVER:
                self.lost = lease.get("reason") or f"lease {self.lease_id} has ended"
            else:
                self._take(lease, answer["sessions"])

    def _take(self, lease: dict[str, Any], sessions: list[dict[str, Any]]) -> None:
        self.lease, self.sessions = lease, sessions
        if lease["state"] == "active" and not self.granted.is_set():
            self._granted_s = time.monotonic()
            self.granted.set()

    def rest_s(self) -> float:
        """How long until there is something to do for a lease that is granted: a renewal, or a warning, in seconds."""
        rest = float(self.lease.get("renew_every_s", 5.0))
        left = self._before_warning_s()
        return rest if left is None or self._warned else max(0.0, min(rest, left))

    def warn_when_due(self) -> None:
        """Tell once that the maximum duration of the lease is about to be over."""
        left = self._before_warning_s()
        if left is None or left > 0 or self._warned or self.lost is not None:
            return
        self._warned = True
        self._raise_alarm()
        duration_s = float(self.lease["request"]["max_duration_s"])
        rest_s = max(0.0, self._granted_s + duration_s - time.monotonic())
        self.tell(
            f"lease {self.lease_id} ends in {rest_s:.0f} s: its maximum duration of {duration_s:g} s is over then; "
            "save what is to be kept"
        )

    def _before_warning_s(self) -> float | None:
        request = self.lease.get("request") or {}
        duration_s = request.get("max_duration_s")
        if duration_s is None:
            return None
        # By the own clock since the grant was heard of: the controller's clock may be another.
        return self._granted_s + float(duration_s) - float(request.get("warn_s", 60.0)) - time.monotonic()

    def interrupt(self) -> None:
        """The user has pressed ^C; what runs goes on, unless it is only waiting."""

    def keep(self) -> bool:
        """Renew in the background of a running command: nothing is raised, changes are told once.

        False when the lease is lost or given back, and renewing it again is useless.
        """
        try:
            self.renew()
        except (Conflict, NotFound) as refusal:
            with self._lock:
                self.lost = str(refusal)
        except GpoolError as error:
            self._warn(str(error))
        else:
            if self._told_unreachable and self.lost is None:
                self._told_unreachable = False
                self.tell(f"the controller answers again; lease {self.lease_id} is renewed")
        self._tell_eviction()
        if self._given_back:
            return False  # a renewal that crossed the release on its way has nothing to tell
        if self.lost is not None:
            self.tell(f"the lease is lost: {self.lost.rstrip('.')}; the program's GPUs are taken away")
            return False
        return True

    def _tell_eviction(self) -> None:
        """Say once that the lease has to give way, and once that it need not after all.

        A program that ends early helps whoever waits for its GPUs, so it is alarmed at once. Where a node is drained it
        may use its time: it is alarmed, and told again, as before the end of a maximum duration.
        """
        eviction = None if self.lost is not None else self.lease.get("eviction")
        ends_at = eviction["ends_at"] if eviction else None
        if self._given_back or self.lost is not None:
            return
        news = ends_at != self._told_eviction
        self._told_eviction = ends_at
        if not eviction:
            if news:
                self.tell(f"lease {self.lease_id} need not give way any more")
            return
        left_s = self._left_s(eviction["ends_at"])
        warn_s = float((self.lease.get("request") or {}).get("warn_s", 60.0))
        due = eviction["beneficiary"] is not None or left_s <= warn_s
        alarm = due and self._alarmed_of != eviction["warned_at"]
        if alarm:
            self._alarmed_of = eviction["warned_at"]
            self._raise_alarm()
        if news or alarm:
            what = f"lease {self.lease_id} has to give way in {left_s:.0f} s"
            self.tell(f"{what}: {eviction['reason']}; save your work")

    def _raise_alarm(self) -> None:
        if self.alarm is not None:
            self.alarm()

    def _left_s(self, ends_at: str) -> float:
        """How long until then by the controller's clock, which the own one need not agree with."""
        from datetime import datetime  # rarely needed, and on the path of every job

        heard = datetime.fromisoformat(self.lease["expires_at"]).timestamp() - float(self.lease["lifetime_s"])
        return max(0.0, datetime.fromisoformat(ends_at).timestamp() - heard)

    def _warn(self, sentence: str) -> None:
        if self._told_unreachable or self._given_back:
            return
        self._told_unreachable = True
        self.tell(
            f"lease {self.lease_id} could not be renewed: {sentence.rstrip('.')}; "
            "the program goes on, and so do the attempts"
        )

    def answer(self, _asker: Asker) -> str:
        """What the broker says to a process of the command."""
        try:
            self._begin_use()
        except GpoolError as error:
            return refusal_line(f"the GPUs cannot be had at the moment: {error}")
        with self._lock:
            if self.lost is not None:
                return refusal_line(f"{self.lost.rstrip('.')}; start the program again with `gpool run`")
            return answer_lines(self.lease, self.sessions, self._transport, self._own_host_id)

    def _begin_use(self) -> None:
        """Get the tickets of a lease that could be moved until now. Raises `GpoolError`."""
        with self._lock:
            if self.lost is not None or self.sessions or not (self.lease.get("request") or {}).get("movable"):
                return
        answer = self._api.post(f"/leases/{self.lease_id}/renew?use=true")
        with self._lock:
            self._take(answer["lease"], answer["sessions"])

    def release(self) -> None:
        """Give the lease back; a lease that is gone already is fine. Raises `GpoolError` for everything else."""
        if self.lost is not None:
            return
        self._given_back = True
        with contextlib.suppress(Conflict, NotFound):
            self._api.delete(f"/leases/{self.lease_id}")
