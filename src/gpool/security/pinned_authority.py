"""The authority that vouches for a controller: a file, or a fingerprint by which its certificate is fetched once.

`sha256:HEX` makes joining one command. The certificate is asked for without trusting who answers, and without telling
any secret; it is used only if its fingerprint is the one that was given. On the path of `gpool run`, which pays for
the imports below only when it has to fetch.
"""

from __future__ import annotations

import os

from gpool.errors import InvalidInput

__all__ = ["AUTHORITY_PATH", "PIN", "authority_file", "check_authority"]

AUTHORITY_PATH = "/api/v1/authority"
PIN = "sha256:"

_PATIENCE_S = 10.0
_LONGEST = 1 << 16
_END = "-----END CERTIFICATE-----"


def check_authority(ca: str) -> None:
    """Raise `InvalidInput` when it names neither a file that is there nor a fingerprint."""
    if ca.startswith(PIN):
        digits = ca.removeprefix(PIN)
        if len(digits) != 64 or not all(sign in "0123456789abcdef" for sign in digits):
            raise InvalidInput(
                f"{ca!r} is no fingerprint of an authority; `gpool cert show` prints it on the controller"
            )
    elif not os.path.isfile(ca):
        raise InvalidInput(
            f"{ca!r}, the authority to trust, is not there; copy it from the controller, or give its fingerprint "
            "(sha256:…), which `gpool cert show` prints there"
        )


def authority_file(ca: str, host: str, port: int, folder: str) -> str:
    """The file with the certificates of the authority `ca`, fetched from the controller at that address if need be.

    Kept in `folder` under its fingerprint. Raises `OSError` when nobody answers, `InvalidInput` when who answers has
    another authority.
    """
    if not ca.startswith(PIN):
        return ca
    path = os.path.join(folder, f"{ca.removeprefix(PIN)}.pem")
    if not os.path.isfile(path):
        pem = _fetch(ca, host, port)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        passing = f"{path}.{os.getpid()}"
        with open(os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(pem)
        os.replace(passing, path)
    return path


def _fetch(ca: str, host: str, port: int) -> str:
    import hashlib
    import json
    import ssl
    from http.client import HTTPException, HTTPSConnection

    # Nothing is believed here but the certificate whose hash we know, so nothing needs to be verified.
    unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    unverified.check_hostname = False
    unverified.verify_mode = ssl.CERT_NONE
    connection = HTTPSConnection(host, port, timeout=_PATIENCE_S, context=unverified)
    try:
        connection.request("GET", AUTHORITY_PATH)
        pem = str(json.loads(connection.getresponse().read(_LONGEST))["certificate"])
        # Only the first one is hashed and kept: behind it another might stand.
        der = ssl.PEM_cert_to_DER_cert(pem[: pem.index(_END) + len(_END)])
    except (HTTPException, ValueError, KeyError, TypeError) as error:
        raise InvalidInput(
            f"what answers at {host}:{port} does not say which authority vouches for it; is it a controller that uses "
            "its own certificates? then give the authority's file instead of a fingerprint"
        ) from error
    finally:
        connection.close()
    found = PIN + hashlib.sha256(der).hexdigest()
    if found != ca:
        raise InvalidInput(
            f"the authority of what answers at {host}:{port} is {found}, not {ca}; compare with `gpool cert show` on "
            "the controller: it is another pool's, or somebody is in between"
        )
    return ssl.DER_cert_to_PEM_cert(der)
