"""The controller's REST API as commands use it: blocking, JSON in and out.

`gpool run` stands in front of every job, so this module and its imports must stay light: no pydantic, no httpx2.
Answers are therefore plain JSON values; the models that describe them are `gpool.model`.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

from gpool.errors import ControllerUnreachable, GpoolError, InvalidInput, TooManyRequests, from_problem
from gpool.launch.http_exchange import Answer, NotHttpError, Target, exchange
from gpool.launch.whereabouts import Whereabouts
from gpool.security.tls_failure import tls_sentence

__all__ = ["HURRY_PATIENCE_S", "SEVERAL_TIMEOUT_S", "WATCH_SILENCE_S", "ApiClient"]

HURRY_PATIENCE_S = 30.0
"""Whoever asks too fast waits as long as the controller says, but no longer than this in all."""

SEVERAL_TIMEOUT_S = 4.0
"""A controller that does not answer for so long is not waited for when there are others."""

WATCH_SILENCE_S = 45.0
"""A watch that hears not even a heartbeat for so long is broken."""

_PAGE = 1000
_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


class ApiClient:
    """One pool, one token. Every call opens its own connection, so a client may be used after a fork.

    `url`: where the pool's controllers are, with commas in between. The client finds the one that leads and stays with
    it; with several, it asks the next when one does not answer within `SEVERAL_TIMEOUT_S`.

    Its methods raise what `gpool.errors` knows: `ControllerUnreachable` when nobody answers, else the controller's own
    error with its sentence. Raises `InvalidInput` at once when `url` is not an HTTP address. `ca`: file with the
    certificate of the authority that vouches for an https address; without it, the system's authorities do.
    """

    def __init__(self, url: str, token: str | None, *, timeout_s: float = 10.0, ca: str = "") -> None:
        self._whereabouts = Whereabouts(url, ca)
        if token is not None and not (token.isascii() and token.isprintable()):
            raise InvalidInput(
                "the token holds characters that no token has; check --token, GPOOL_TOKEN and client.toml"
            )
        self._token = token
        self._timeout_s = min(timeout_s, SEVERAL_TIMEOUT_S) if self._whereabouts.several else timeout_s

    @property
    def url(self) -> str:
        """The controller that was asked last, or will be asked first."""
        return self._whereabouts.now.url

    @property
    def _target(self) -> Target:
        return self._whereabouts.now.target

    @property
    def _prefix(self) -> str:
        return self._whereabouts.now.prefix

    def get(self, path: str, *, wait_s: float = 0.0, most: int | None = None, **query: str | int | float | None) -> Any:
        """GET `path` under `/api/v1`. `wait_s`: how long the controller may hold the answer back (seconds).

        A list comes as a list, whole: its pages are asked for one after the other. most: of a list, so many items.
        """
        if most is not None:
            query = {**query, "limit": min(most, _PAGE)}
        answer = self._get(path, wait_s, query)
        if not _is_page(answer):
            return answer
        items = answer["items"]
        while answer["next"] is not None and (most is None or len(items) < most):
            limit = _PAGE if most is None else min(most - len(items), _PAGE)
            answer = self._get(path, wait_s, {**query, "limit": limit, "cursor": answer["next"]})
            if not _is_page(answer):
                raise ControllerUnreachable(f"what answers at {self.url} does not page its lists; check --api")
            items += answer["items"]
        return items

    def _get(self, path: str, wait_s: float, query: Mapping[str, str | int | float | None]) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        if wait_s > 0:
            given["wait_s"] = f"{wait_s:g}"
        suffix = "&".join(f"{name}={self.segment(str(value))}" for name, value in given.items())
        return self._ask("GET", f"{path}?{suffix}" if suffix else path, None, self._timeout_s + wait_s)

    def post(self, path: str, body: Any = None) -> Any:
        """POST a JSON body to `path` under `/api/v1`; returns the decoded answer.

        As every write but a renewal it carries an Idempotency-Key: should it be sent again, it is carried out once.
        """
        return self._ask("POST", path, body, self._timeout_s)

    def put(self, path: str, body: Any = None) -> Any:
        """PUT a JSON body to `path` under `/api/v1`; returns the decoded answer."""
        return self._ask("PUT", path, body, self._timeout_s)

    def patch(self, path: str, body: Any) -> Any:
        """PATCH `path` under `/api/v1` with a JSON body; returns the decoded answer."""
        return self._ask("PATCH", path, body, self._timeout_s)

    def delete(self, path: str) -> Any:
        """DELETE `path` under `/api/v1`; returns the decoded answer, None when it has no body."""
        return self._ask("DELETE", path, None, self._timeout_s)

    def watch(self, last_id: str = "", **query: str | int | None) -> Iterator[tuple[str, str, Any]]:
        """What changes, for ever: (kind, id, data) of each event. See `gpool.api.watch` for the kinds.

        Goes on by itself, behind the last event, when the controller ends the stream. Raises `ControllerUnreachable`
        when there is no controller to go on with, and what the controller refuses it with.
        """
        from gpool.launch.event_stream import StreamRefusedError, event_stream

        suffix = "&".join(f"{name}={self.segment(str(value))}" for name, value in query.items() if value is not None)
        path = f"{self._prefix}/api/v1/watch?{suffix}"
        while True:
            headers = self._headers("text/event-stream")
            if last_id:
                headers["Last-Event-ID"] = last_id
            try:
                for event in event_stream(self._target, path, headers, WATCH_SILENCE_S):
                    last_id = event.id or last_id
                    yield event.kind, event.id, json.loads(event.data or "null")
            except StreamRefusedError as refused:
                self._decode(refused.answer)
                raise ControllerUnreachable(f"what answers at {self.url} has no events to watch; check --api") from None
            except (OSError, NotHttpError, ValueError) as error:
                raise self._unreachable(error, WATCH_SILENCE_S) from error

    @staticmethod
    def segment(name: str) -> str:
        """One segment of a path or value of a query, escaped: names and ids come from the command line."""
        return "".join(chr(sign) if sign in _PLAIN else f"%{sign:02X}" for sign in name.encode(errors="replace"))

    def _ask(self, method: str, path: str, body: Any, timeout_s: float) -> Any:
        headers = self._headers("application/json")
        if method != "GET" and not path.endswith("/renew"):
            headers["Idempotency-Key"] = os.urandom(16).hex()
        until = time.monotonic() + HURRY_PATIENCE_S
        while True:
            try:
                return self._whereabouts.ask(lambda: self._ask_once(method, path, headers, body, timeout_s))
            except TooManyRequests as error:
                if time.monotonic() + error.retry_after_s > until:
                    raise
                time.sleep(error.retry_after_s)

    def _ask_once(self, method: str, path: str, headers: dict[str, str], body: Any, timeout_s: float) -> Any:
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            answer = exchange(self._target, method, f"{self._prefix}/api/v1{path}", headers, payload, timeout_s)
        except (OSError, NotHttpError) as error:
            raise self._unreachable(error, timeout_s) from error
        return self._decode(answer)

    def _headers(self, accept: str) -> dict[str, str]:
        headers = {"Accept": accept}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        return headers

    def _unreachable(self, error: Exception, timeout_s: float) -> ControllerUnreachable:
        """The error that says why nobody answered."""
        where = self.url
        match error:
            case TimeoutError():
                sentence = (
                    f"the controller at {where} did not answer within {timeout_s:g} seconds; "
                    "is it overloaded, or is a firewall in between?"
                )
            case ConnectionRefusedError():
                sentence = (
                    f"no controller answers at {where}; "
                    "start one with `gpool up`, or name another with --api or GPOOL_API"
                )
            case socket.gaierror():
                reason = error.strerror
                sentence = f"the host name in {where} cannot be resolved ({reason}); check --api or GPOOL_API"
            case OSError() if type(error).__module__ == "ssl":
                sentence = tls_sentence(error, where, bool(self._target.ca))
            case OSError():
                reason = error.strerror or str(error)
                sentence = f"the controller at {where} cannot be reached ({reason}); check --api or GPOOL_API"
            case _:
                hint = "" if self._target.tls else " (is its address an https:// one?)"
                sentence = f"what answers at {where} does not speak HTTP as a controller does{hint}; "
                sentence += "check --api or GPOOL_API"
        return ControllerUnreachable(sentence)

    def _decode(self, answer: Answer) -> Any:
        status, raw, retry_after_s = answer
        if status == 204 or (200 <= status < 300 and not raw):
            return None
        try:
            value = json.loads(raw)
        except ValueError:
            value = None
        if 200 <= status < 300:
            if value is None:
                raise ControllerUnreachable(
                    f"what answers at {self.url} is not a gpool controller; check --api or GPOOL_API"
                )
            return value
        if isinstance(value, dict) and ("detail" in value or "title" in value):
            error = from_problem(value)
            if isinstance(error, TooManyRequests) and retry_after_s is not None:
                error.retry_after_s = retry_after_s
            raise error
        raise GpoolError(f"the controller at {self.url} answered with HTTP status {status} and no explanation")


def _is_page(answer: Any) -> bool:
    return isinstance(answer, dict) and answer.keys() == {"items", "next"}
