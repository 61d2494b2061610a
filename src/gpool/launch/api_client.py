"""The controller's REST API as commands use it: blocking, JSON in and out.

`gpool run` stands in front of every job, so this module and its imports must stay light: no pydantic, no httpx2.
Answers are therefore plain JSON values; the models that describe them are `gpool.model`.
"""

from __future__ import annotations

import json
import socket
from typing import Any

from gpool.errors import ControllerUnreachable, GpoolError, InvalidInput, from_problem
from gpool.launch.http_exchange import NotHttpError, Target, exchange
from gpool.launch.whereabouts import Whereabouts

__all__ = ["SEVERAL_TIMEOUT_S", "ApiClient"]

SEVERAL_TIMEOUT_S = 4.0
"""A controller that does not answer for so long is not waited for when there are others."""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")


class ApiClient:
    """One pool, one token. Every call opens its own connection, so a client may be used after a fork.

    `url`: where the pool's controllers are, with commas in between. The client finds the one that leads and stays with
    it; with several, it asks the next when one does not answer within `SEVERAL_TIMEOUT_S`.

    Its methods raise what `gpool.errors` knows: `ControllerUnreachable` when nobody answers, else the controller's own
    error with its sentence. Raises `InvalidInput` at once when `url` is not an HTTP address.
    """

    def __init__(self, url: str, token: str | None, *, timeout_s: float = 10.0) -> None:
        self._whereabouts = Whereabouts(url)
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

    def get(self, path: str, *, wait_s: float = 0.0, **query: str | int | float | None) -> Any:
        """GET `path` under `/api/v1`. `wait_s`: how long the controller may hold the answer back (seconds)."""
        given = {name: value for name, value in query.items() if value is not None}
        if wait_s > 0:
            given["wait_s"] = f"{wait_s:g}"
        suffix = "&".join(f"{name}={self.segment(str(value))}" for name, value in given.items())
        return self._ask("GET", f"{path}?{suffix}" if suffix else path, None, self._timeout_s + wait_s)

    def post(self, path: str, body: Any = None) -> Any:
        """POST a JSON body to `path` under `/api/v1`; returns the decoded answer."""
        return self._ask("POST", path, body, self._timeout_s)

    def delete(self, path: str) -> Any:
        """DELETE `path` under `/api/v1`; returns the decoded answer, None when it has no body."""
        return self._ask("DELETE", path, None, self._timeout_s)

    @staticmethod
    def segment(name: str) -> str:
        """One segment of a path or value of a query, escaped: names and ids come from the command line."""
        return "".join(chr(sign) if sign in _PLAIN else f"%{sign:02X}" for sign in name.encode(errors="replace"))

    def _ask(self, method: str, path: str, body: Any, timeout_s: float) -> Any:
        # A request for a lease that was made twice is held once: the other one is not renewed, and ends by itself.
        again = method != "POST" or path.startswith("/leases")
        return self._whereabouts.ask(lambda: self._ask_once(method, path, body, timeout_s), again=again)

    def _ask_once(self, method: str, path: str, body: Any, timeout_s: float) -> Any:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            status, raw = exchange(self._target, method, f"{self._prefix}/api/v1{path}", headers, payload, timeout_s)
        except TimeoutError as error:
            raise ControllerUnreachable(
                f"the controller at {self.url} did not answer within {timeout_s:g} seconds; "
                "is it overloaded, or is a firewall in between?"
            ) from error
        except ConnectionRefusedError as error:
            refused = ControllerUnreachable(
                f"no controller answers at {self.url}; "
                "start one with `gpool up`, or name another with --api or GPOOL_API"
            )
            refused.unheard = True
            raise refused from error
        except socket.gaierror as error:
            unknown = ControllerUnreachable(
                f"the host name in {self.url} cannot be resolved ({error.strerror}); check --api or GPOOL_API"
            )
            unknown.unheard = True
            raise unknown from error
        except OSError as error:
            raise ControllerUnreachable(
                f"the controller at {self.url} cannot be reached ({error.strerror or error}); check --api or GPOOL_API"
            ) from error
        except NotHttpError as error:
            raise ControllerUnreachable(
                f"what answers at {self.url} does not speak HTTP as a controller does; check --api or GPOOL_API"
            ) from error
        return self._decode(status, raw)

    def _decode(self, status: int, raw: bytes) -> Any:
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
            raise from_problem(value)
        raise GpoolError(f"the controller at {self.url} answered with HTTP status {status} and no explanation")
