"""Which pool the user's commands talk to, and as whom: flag, environment, `client.toml`, in this order."""

from __future__ import annotations

import os

from gpool.errors import InvalidInput
from gpool.launch.api_client import ApiClient
from gpool.launch.whereabouts import same_pool
from gpool.paths import client_file
from gpool.security.pinned_authority import check_authority

__all__ = ["DEFAULT_API", "client_from", "configured_client", "write_client_file"]

DEFAULT_API = "http://127.0.0.1:7070"


def client_from(api: str | None, token: str | None, *, timeout_s: float = 10.0) -> ApiClient:
    """A client for the flags `--api` and `--token` (None: not given), the environment and the user's `client.toml`.

    An address may be several, with commas in between: the controllers of one pool.

    Raises `InvalidInput` for a `client.toml` that cannot be read, and for an address that is none.
    """
    url = api or os.environ.get("GPOOL_API") or ""
    secret = token or os.environ.get("GPOOL_TOKEN") or ""
    if not (url and secret):
        # The file's token belongs to the file's pool: it is not sent to another address than the file's.
        configured = configured_client()
        own = configured.get("api", DEFAULT_API)
        if not secret and same_pool(url, own):
            secret = configured.get("token", "")
        url = url or own
    ca = ""
    if "https:" in url:
        # An authority vouches for names, not for one pool: the file's may be used for another address too.
        ca = os.environ.get("GPOOL_CA") or configured_client().get("ca", "")
        if ca:
            check_authority(ca)
    return ApiClient(url, secret or None, timeout_s=timeout_s, ca=ca)


def configured_client() -> dict[str, str]:
    """`api`, `token` and `ca` of the user's `client.toml`, those that it has.

    Raises `InvalidInput` when it cannot be read.
    """
    path = client_file()
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise InvalidInput(f"{path!r} cannot be read ({error.strerror}); mend its permissions or remove it") from error
    import tomllib  # about 15 ms: paid only by those who have the file

    try:
        values = tomllib.loads(raw.decode())
    except ValueError as error:
        raise InvalidInput(f"{path!r} is not TOML ({error}); mend it, or remove it and run `gpool up` again") from error
    for name in ("api", "token", "ca"):
        if not isinstance(values.get(name, ""), str):
            raise InvalidInput(f"{name!r} in {path!r} is not a text in quotes; mend it")
    return {name: values[name] for name in ("api", "token", "ca") if values.get(name)}


def write_client_file(api: str, token: str, ca: str = "") -> str:
    """Write `client.toml` (mode 0600) in one step and return its path. All values must be free of quotes."""
    path = client_file()
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    passing = f"{path}.new"
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(f'api = "{api}"\ntoken = "{token}"\n' + (f'ca = "{ca}"\n' if ca else ""))
    os.replace(passing, path)
    return path
