"""Late binding: a lease that is asked for when the first process of a command uses a GPU, and not before.

The processes that ask meanwhile wait together for one attempt. When it fails, those that waited are told why, and each
process that asks later begins another; one that was refused is not made to wait twice. When nobody waits any more,
because the processes have ended or the user has pressed ^C, the request is taken back.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from gpool.errors import GpoolError, LeaseOver
from gpool.launch.api_client import ApiClient
from gpool.launch.broker import Asker, refusal_line
from gpool.launch.granting import check_transport, wait_for_grant
from gpool.launch.holding import Holding

__all__ = ["LateHolding"]

PATIENCE_EVERY_S = 2.0  # a client driver gives up when it hears nothing for 30
RELEASE_S = 12.0  # a request under way asks for up to ten


class _Attempt:
    """One request, and how many wait for what becomes of it."""

    def __init__(self) -> None:
        self.waiting = 0
        self.over = threading.Event()
        self.cancelled = threading.Event()
        self.lease_id = ""
        self.error: GpoolError | None = None


class LateHolding(Holding):
    """See the module. Its `lease_id` is empty until the grant."""

    def __init__(
        self,
        api: ApiClient,
        request: dict[str, Any],
        *,
        transport: str,
        timeout_s: float | None,
        own_host_id: str,
        tell: Callable[[str], None],
    ) -> None:
        super().__init__(api, "", transport=transport, own_host_id=own_host_id, tell=tell)
        self._request = request
        self._timeout_s = timeout_s
        self._attempt: _Attempt | None = None
        self._thread: threading.Thread | None = None
        self._refused: dict[str, str] = {}

    def answer(self, asker: Asker) -> str:
        """See `Holding`; the first answer takes as long as the queue. Raises `OSError` when the asker has gone."""
        with self._lock:
            refused = self._refused.get(asker.pid)
        if refused is not None:
            return refused
        try:
            self.obtain(asker.ask_for_patience)
        except GpoolError as error:
            refused = refusal_line(str(error))
            with self._lock:
                self._refused[asker.pid] = refused
            return refused
        return super().answer(asker)

    def obtain(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        """Return when the lease is granted, now or before. `meanwhile` is called every few seconds.

        Raises `GpoolError` when it is not granted, and whatever `meanwhile` raises: then this caller waits no more.
        """
        with self._lock:
            if self.granted.is_set():
                return
            attempt = self._attempt
            if attempt is None:
                attempt = self._attempt = _Attempt()
                self._thread = threading.Thread(target=self._try, args=(attempt,), name="request", daemon=True)
                self._thread.start()
            attempt.waiting += 1
        try:
            while not attempt.over.wait(PATIENCE_EVERY_S):
                meanwhile()
        except BaseException:
            with self._lock:
                attempt.waiting -= 1
                nobody = attempt.waiting == 0
            if nobody:
                self._cancel(attempt, LeaseOver("nobody waits for the GPUs any more"))
            raise
        if attempt.error is not None:
            raise attempt.error

    def interrupt(self) -> None:
        """Whoever waits for GPUs is let go without them."""
        attempt = self._attempt
        if attempt is not None and not self.granted.is_set():
            self._cancel(attempt, LeaseOver("the wait for GPUs was interrupted; start the program again"))

    def release(self) -> None:
        """See `Holding`; a request that still waits is taken back."""
        attempt = self._attempt
        if attempt is not None and not self.granted.is_set():
            self._cancel(attempt, LeaseOver("the command has ended"))
        if self._thread is not None:
            self._thread.join(RELEASE_S)  # it may be giving back what nobody waited for
        if self.granted.is_set():
            super().release()

    def _cancel(self, attempt: _Attempt, why: GpoolError) -> None:
        with self._lock:
            if attempt.over.is_set():
                return
            attempt.error = why
            attempt.cancelled.set()
            attempt.over.set()
            if self._attempt is attempt:
                self._attempt = None
        # What waits for the controller's answer hears of it at once.
        if attempt.lease_id:
            with contextlib.suppress(GpoolError):
                self._api.delete(f"/leases/{attempt.lease_id}")

    def _try(self, attempt: _Attempt) -> None:
        error: GpoolError | None = None
        waiter: Holding | None = None
        try:
            lease = self._api.post("/leases", self._request)
            attempt.lease_id = lease["id"]
            waiter = Holding(
                self._api, lease["id"], transport=self._transport, own_host_id=self._own_host_id, tell=self.tell
            )
            wait_for_grant(self._api, lease, waiter, self._timeout_s, attempt.cancelled)
            check_transport(waiter, self._transport)
        except GpoolError as failure:
            error = failure
        with self._lock:
            if error is None and waiter is not None and not attempt.cancelled.is_set():
                self.lease_id = attempt.lease_id
                self._take(waiter.lease, waiter.sessions)
                attempt.over.set()
                return
            if self._attempt is attempt:
                self._attempt = None
        if waiter is not None:
            try:
                waiter.release()
            except GpoolError as failure:
                self.tell(f"{waiter.called} could not be given back: {failure}; it ends by itself")
        if attempt.error is None:
            attempt.error = error
        attempt.over.set()
