"""The controller's REST API as commands use it: blocking, over the standard library's HTTP client.

`gpool run` stands in front of every job, so this module and its imports must stay light: no pydantic, no httpx2.
Answers are therefore plain JSON values; the models that describe them are `gpool.model`.
"""

from __future__ import annotations

import http.client
import json
import socket
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from gpool.errors import ControllerUnreachable, GpoolError, InvalidInput, from_problem

__all__ = ["ApiClient"]


class ApiClient:
    """One controller, one token. Every call opens its own connection, so a client may be used after a fork.

    Its methods raise what `gpool.errors` knows: `ControllerUnreachable` when nobody answers, else the controller's own
    error with its sentence. Raises `InvalidInput` at once when `url` is not an HTTP address.
    """

    def __init__(self, url: str, token: str | None, *, timeout_s: float = 10.0) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise InvalidInput(f"{url!r} is not the address of a controller; it looks like http://HOST:7070")
        self.url = url.rstrip("/")
        self._scheme = parts.scheme
        self._host = parts.hostname
        self._port = port
        self._prefix = parts.path.rstrip("/")
        self._token = token
        self._timeout_s = timeout_s

    def get(self, path: str, *, wait_s: float = 0.0, **query: str | int | float | None) -> Any:
        """GET `path` under `/api/v1`. `wait_s`: how long the controller may hold the answer back (seconds)."""
        given = {name: value for name, value in query.items() if value is not None}
        if wait_s > 0:
            given["wait_s"] = f"{wait_s:g}"
        suffix = f"?{urlencode(given)}" if given else ""
        return self._ask("GET", path + suffix, None, self._timeout_s + wait_s)

    def post(self, path: str, body: Any = None) -> Any:
        """POST a JSON body to `path` under `/api/v1`; returns the decoded answer."""
        return self._ask("POST", path, body, self._timeout_s)

    def delete(self, path: str) -> Any:
        """DELETE `path` under `/api/v1`; returns the decoded answer, None when it has no body."""
        return self._ask("DELETE", path, None, self._timeout_s)

    @staticmethod
    def segment(name: str) -> str:
        """One path segment, escaped: names and ids come from the command line."""
        return quote(name, safe="")

    def _connect(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._scheme == "https":
            return http.client.HTTPSConnection(self._host, self._port, timeout=timeout_s)
        return http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)

    def _ask(self, method: str, path: str, body: Any, timeout_s: float) -> Any:
        headers = {"Accept": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        connection = self._connect(timeout_s)
        try:
            connection.request(method, f"{self._prefix}/api/v1{path}", body=payload, headers=headers)
            answer = connection.getresponse()
            status, raw = answer.status, answer.read()
        except TimeoutError as error:
            raise ControllerUnreachable(
                f"the controller at {self.url} did not answer within {timeout_s:g} seconds; "
                "is it overloaded, or is a firewall in between?"
            ) from error
        except ConnectionRefusedError as error:
            raise ControllerUnreachable(
                f"no controller answers at {self.url}; start one with `gpool up`, or name another with --api or GPOOL_API"
            ) from error
        except socket.gaierror as error:
            raise ControllerUnreachable(
                f"the host name in {self.url} cannot be resolved ({error.strerror}); check --api or GPOOL_API"
            ) from error
        except OSError as error:
            raise ControllerUnreachable(
                f"the controller at {self.url} cannot be reached ({error.strerror or error}); check --api or GPOOL_API"
            ) from error
        except (http.client.HTTPException, ValueError) as error:
            raise ControllerUnreachable(
                f"what answers at {self.url} does not speak HTTP as a controller does; check --api or GPOOL_API"
            ) from error
        finally:
            connection.close()
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
                raise ControllerUnreachable(f"what answers at {self.url} is not a gpool controller; check --api or GPOOL_API")
            return value
        if isinstance(value, dict) and ("detail" in value or "title" in value):
            raise from_problem(value)
        raise GpoolError(f"the controller at {self.url} answered with HTTP status {status} and no explanation")
