"""A controller for tests of the launcher: the lease endpoints of the API over HTTP, steered by the test."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

PATIENCE_S = 20.0
GPU = "GPU-01234567-89ab-cdef-0123-456789abcdef"


class FakeController:
    """Leases by id, and every call that came in. Change `grant_at_once`, `refuse` and the leases as the story goes."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.leases: dict[str, dict[str, Any]] = {}
        self.requests: list[dict[str, Any]] = []
        self.calls: list[tuple[str, str]] = []
        self.authorizations: list[str | None] = []
        self.keys: list[str] = []
        """Idempotency keys, in the order in which they came."""
        self.renewals: dict[str, int] = {}
        self.grant_at_once = True
        self.refuse: dict[str, Any] | None = None
        self.renew_every_s = 0.05
        self.host_id = "another-host"
        self.unix_path: str | None = None
        self.server: ThreadingHTTPServer | None = None
        self.url = ""

    def until(self, happened: Callable[[], bool]) -> None:
        """Wait until `happened`; it is looked at after each call that comes in."""
        with self.changed:
            assert self.changed.wait_for(happened, PATIENCE_S), f"did not happen; calls so far: {self.calls}"

    def grant(self, lease_id: str) -> None:
        """The scheduler has found a GPU."""
        with self.changed:
            lease = self.leases[lease_id]
            lease["state"] = "active"
            lease["reason"] = None
            lease["vgpus"] = [
                {"ordinal": 0, "node": "node-a", "gpu_uuid": GPU, "memory_bytes": 8 << 30, "compute_permille": 1000}
            ]
            self.changed.notify_all()

    def end(self, lease_id: str, reason: str) -> None:
        """The lease is over: released by somebody, expired, or refused after a wait."""
        with self.changed:
            self.leases[lease_id].update(state="ended", reason=reason)
            self.changed.notify_all()

    def evict(self, lease_id: str, ends_at: str, reason: str, beneficiary: str | None = "l-9") -> None:
        """The lease has to give way; it was told when the clock showed midnight."""
        with self.changed:
            told = {"reason": reason, "warned_at": "2026-01-01T00:00:00Z", "ends_at": ends_at}
            eviction = {"beneficiary": beneficiary, **told}
            self.leases[lease_id]["eviction"] = eviction
            self.changed.notify_all()

    def explain(self, lease_id: str, reason: str) -> None:
        """Another reason for the wait."""
        with self.changed:
            self.leases[lease_id]["reason"] = reason
            self.changed.notify_all()

    def handle(self, method: str, path: str, body: Any, authorization: str | None) -> tuple[int, Any]:
        parts = urlsplit(path)
        words = parts.path.removeprefix("/api/v1/").split("/")
        with self.changed:
            try:
                return self._answer(method, words, parse_qs(parts.query), body)
            finally:
                self.calls.append((method, parts.path))
                self.authorizations.append(authorization)
                self.changed.notify_all()

    def _answer(self, method: str, words: list[str], query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if self.refuse is not None:
            return self.refuse["status"], self.refuse
        if (method, words) == ("POST", ["leases"]):
            lease_id = f"l-{len(self.leases) + 1}"
            self.requests.append(body)
            self.leases[lease_id] = {
                "id": lease_id,
                "request": body,
                "state": "pending",
                "vgpus": [],
                "reason": "all 1 GPUs are taken",
                "renew_every_s": self.renew_every_s,
                "lifetime_s": 30.0,
                "expires_at": "2026-01-01T00:00:30Z",
            }
            if self.grant_at_once:
                self.grant(lease_id)
            return 201, self.leases[lease_id]
        lease = self.leases.get(words[1]) if words[0] == "leases" and len(words) > 1 else None
        if lease is None:
            return 404, problem("unknown-lease", 404, f"there is no lease {words[-1]}")
        if method == "DELETE":
            lease["state"] = "ended"
            return 200, lease
        if method == "GET":
            seen = dict(lease)
            self.changed.wait_for(lambda: lease != seen, float(query.get("wait_s", ["0"])[0]))
            return 200, lease
        if lease["state"] == "ended":
            return 409, problem("lease-over", 409, lease["reason"] or "it is over")
        self.renewals[words[1]] = self.renewals.get(words[1], 0) + 1
        if "true" in query.get("use", []):
            lease["in_use_at"] = "2026-01-01T00:00:10Z"
        kept = (lease["request"] or {}).get("movable") and "in_use_at" not in lease
        sessions = (
            []
            if lease["state"] != "active" or kept
            else [
                {
                    "node": "node-a",
                    "unix_path": self.unix_path,
                    "host_id": self.host_id,
                    "tcp": "127.0.0.1:41234",
                    "ticket": f"{self.renewals[words[1]]:08x}",
                    "vgpus": [0],
                }
            ]
        )
        return 200, {"lease": lease, "sessions": sessions}


def problem(slug: str, status: int, detail: str) -> dict[str, Any]:
    return {"type": f"urn:gpool:problem:{slug}", "title": slug, "status": status, "detail": detail}


class _Handler(BaseHTTPRequestHandler):
    controller: FakeController

    def _serve(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        key = self.headers.get("Idempotency-Key")
        self.controller.keys += [key] if key else []
        status, answer = self.controller.handle(self.command, self.path, body, self.headers.get("Authorization"))
        raw = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            if isinstance(answer, dict) and "retry_after_s" in answer:
                self.send_header("Retry-After", str(answer["retry_after_s"]))
            self.end_headers()
            self.wfile.write(raw)
        except OSError:
            pass  # the launcher was killed meanwhile, as the story wants

    do_GET = do_POST = do_DELETE = _serve  # noqa: N815

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


@contextmanager
def fake_controller() -> Iterator[FakeController]:
    """A running `FakeController` on a port of loopback."""
    controller = FakeController()
    handler = type("Handler", (_Handler,), {"controller": controller})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    controller.server = server
    controller.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield controller
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
