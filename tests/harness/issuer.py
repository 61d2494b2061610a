"""A small identity provider: OpenID Connect with discovery, keys, and the device authorization flow, on loopback."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

__all__ = ["Issuer", "issuer"]

CLIENT = "gpool-cli"


class Issuer:
    """Whoever enters a code is the person that the test says."""

    def __init__(self) -> None:
        self.url = ""
        self.keys = {"first": ec.generate_private_key(ec.SECP256R1())}
        self.person: dict[str, Any] | None = None
        """Claims of who has entered the code; None while nobody has."""
        self.polls = 0
        self.offers_device_flow = True

    def id_token(self, *, key: str = "first", **claims: Any) -> str:
        """Signed, and good for a minute unless `claims` say otherwise."""
        now = int(time.time())
        head = {"iss": self.url, "aud": CLIENT, "sub": "s-1", "iat": now, "exp": now + 60, "email_verified": True}
        payload = {name: value for name, value in (head | claims).items() if value is not None}
        return jwt.encode(payload, self.keys[key], algorithm="ES256", headers={"kid": key})

    def answer(self, path: str, form: dict[str, list[str]]) -> tuple[int, Any]:
        match path:
            case "/.well-known/openid-configuration":
                described = {"issuer": self.url, "jwks_uri": f"{self.url}/keys", "token_endpoint": f"{self.url}/token"}
                if self.offers_device_flow:
                    described["device_authorization_endpoint"] = f"{self.url}/device"
                return 200, described
            case "/keys":
                keys = [
                    {**ECAlgorithm.to_jwk(key.public_key(), as_dict=True), "kid": name, "use": "sig"}
                    for name, key in self.keys.items()
                ]
                return 200, {"keys": keys}
            case "/device" if form["client_id"] == [CLIENT] and "openid" in form["scope"][0].split():
                page = f"{self.url}/enter"
                found = {"device_code": "dc", "user_code": "ABCD-EFGH", "verification_uri": page}
                return 200, {**found, "expires_in": 60, "interval": 0.01}
            case "/token" if form["device_code"] == ["dc"] and form["client_id"] == [CLIENT]:
                self.polls += 1
                if self.polls < 2:
                    return 400, {"error": "authorization_pending"}
                if self.person is None:
                    return 400, {"error": "access_denied", "error_description": "the person said no"}
                return 200, {"id_token": self.id_token(**self.person), "access_token": "x", "token_type": "Bearer"}
        return 404, {"error": "not_found"}


@contextmanager
def issuer() -> Iterator[Issuer]:
    """Serve one in a thread."""
    here = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode())
            status, told = here.answer(self.path, form)
            raw = json.dumps(told).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = _serve  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
