"""The pool's own certificate authority: makes itself, and vouches for controllers and agents.

Keys are EC P-256, kept as PEM. Whoever holds the authority's key can pretend to be a controller; it is kept where the
keys of the nodes are, in the database.
"""

import hashlib
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gpool.errors import InvalidInput
from gpool.model.certificate import Certified

__all__ = [
    "AUTHORITY_DAYS",
    "LEAF_DAYS",
    "Description",
    "describe",
    "fingerprint_of",
    "is_of",
    "issue",
    "make_authority",
    "parse_certificate",
]

AUTHORITY_DAYS = 3650
LEAF_DAYS = 90

# Clocks of machines that join differ.
_BACKDATED = timedelta(minutes=10)
_MOST_NAMES = 100


@dataclass(frozen=True, slots=True)
class Description:
    """What a certificate says."""

    subject: str
    names: tuple[str, ...]
    """Host names and addresses that it is for."""
    not_before: datetime
    expires_at: datetime
    fingerprint: str


def parse_certificate(pem: str) -> x509.Certificate:
    """The first certificate in the text. Raises `InvalidInput`."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise InvalidInput(
            f"this is no certificate in PEM ({error}); name a file that begins with -----BEGIN"
        ) from error


def fingerprint_of(certificate: x509.Certificate) -> str:
    """`sha256:` and 64 hexadecimal digits, of the whole certificate, as `openssl x509 -fingerprint -sha256` has it."""
    return "sha256:" + hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def describe(pem: str) -> Description:
    """What the certificate says. Raises `InvalidInput`."""
    certificate = parse_certificate(pem)
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = (*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress)))
    except x509.ExtensionNotFound:
        names = ()
    return Description(
        certificate.subject.rfc4514_string(),
        names,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
        fingerprint_of(certificate),
    )


def is_of(pem: str, authority_pem: str) -> bool:
    """Whether that authority has signed the certificate."""
    try:
        parse_certificate(pem).verify_directly_issued_by(parse_certificate(authority_pem))
    except (InvalidSignature, ValueError, TypeError, InvalidInput):
        return False
    return True


def make_authority(now: datetime, days: int = AUTHORITY_DAYS) -> Certified:
    """A new authority, good for `days`."""
    key = ec.generate_private_key(ec.SECP256R1())
    mark = hashlib.sha256(
        key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()[:8]
    # The mark keeps the authorities of two pools apart where both are trusted.
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"gpool authority {mark}")])
    builder = (
        _builder(subject, subject, key.public_key(), now, days)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
    )
    return _certified(builder.sign(key, hashes.SHA256()), key)


def issue(authority: Certified, names: Iterable[str], now: datetime, days: int = LEAF_DAYS) -> Certified:
    """A certificate for these host names and addresses, good for servers and clients.

    It does not outlive the authority. Raises `InvalidInput` for names that cannot be in one, or an authority that has
    expired.
    """
    wanted = list(dict.fromkeys(names))
    if not 1 <= len(wanted) <= _MOST_NAMES:
        raise InvalidInput(f"a certificate is for 1 to {_MOST_NAMES} names, not {len(wanted)}")
    issuer = parse_certificate(authority.certificate)
    if issuer.not_valid_after_utc <= now:
        raise InvalidInput(
            f"the pool's authority has expired on {issuer.not_valid_after_utc:%Y-%m-%d}; "
            "make a new one with `gpool cert init --replace`"
        )
    shown = x509.SubjectAlternativeName([_general_name(name) for name in wanted])
    signing = serialization.load_pem_private_key(authority.key.encode(), None)
    assert isinstance(signing, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, wanted[0][:64])])
    builder = (
        _builder(subject, issuer.subject, key.public_key(), now, days, latest=issuer.not_valid_after_utc)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key()), critical=False)
        .add_extension(shown, critical=False)
    )
    return _certified(builder.sign(signing, hashes.SHA256()), key)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public_key: ec.EllipticCurvePublicKey,
    now: datetime,
    days: int,
    latest: datetime | None = None,
) -> x509.CertificateBuilder:
    until = now.astimezone(UTC) + timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now.astimezone(UTC) - _BACKDATED)
        .not_valid_after(until if latest is None else min(until, latest))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _usage(*, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        pass
    labels = name.removeprefix("*.").split(".")
    if len(name) > 253 or not all(_is_label(label) for label in labels):
        raise InvalidInput(f"{name!r} is neither a host name nor an address; write such as head.example or 10.0.0.5")
    return x509.DNSName(name)


def _is_label(label: str) -> bool:
    good = 0 < len(label) <= 63 and label.isascii() and label[0] != "-" and label[-1] != "-"
    return good and all(sign.isalnum() or sign in "-_" for sign in label)


def _certified(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Certified:
    return Certified(
        certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode(),
    )
