"""Why a TLS connection to the controller failed, and what to do. Imports nothing: on the path of `gpool run`."""

from __future__ import annotations

__all__ = ["tls_sentence"]

# OpenSSL's verification results, X509_V_ERR_….
_EXPIRED, _NOT_YET = 10, 9
_UNKNOWN_ISSUER = (2, 18, 19, 20, 21, 24)
_WRONG_NAME = (62, 64)


def tls_sentence(error: OSError, url: str, own_ca: bool) -> str:
    """The sentence for an `ssl.SSLError`. own_ca: whether the authority to trust was named."""
    code = getattr(error, "verify_code", None)
    if code == _EXPIRED:
        return f"the certificate of the controller at {url} has expired; renew it there with `gpool cert renew`"
    if code == _NOT_YET:
        return f"the certificate of the controller at {url} is not valid yet; compare the clocks of both machines"
    if code in _WRONG_NAME:
        return (
            f"the certificate of the controller is not for the name in {url}; use a name that it is for, "
            "or add this name to it there: `gpool cert renew --name NAME`"
        )
    if code in _UNKNOWN_ISSUER:
        known = "the authority in your ca file" if own_ca else "any authority that this machine trusts"
        return (
            f"the certificate of the controller at {url} is not from {known}; "
            'name the authority that `gpool cert show` prints there: --ca, GPOOL_CA, or ca = "sha256:…" in client.toml'
        )
    reason = getattr(error, "reason", None) or str(error)
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"):
        return f"what answers at {url} does not speak TLS; is the address http:// instead of https://?"
    return f"TLS with the controller at {url} failed ({reason}); check the address and the controller's certificate"
