"""People who log in with an identity provider (OpenID Connect): whose ID token is believed, and what it is good for.

The rules are a file on the controller's machine, not a part of the pool's policy: whoever may change who becomes an
administrator is one.
"""

import tomllib
from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import jwt
from pydantic import ConfigDict, Field, StrictBool, ValidationError, field_validator

from gpool.errors import CannotStart, GpoolError, LoginRefused, NotAllowed, Unavailable
from gpool.model.base import Model, PolicyName, Text
from gpool.model.token import Action, Role, Token, TokenName
from gpool.security.roles import check_scope

__all__ = ["Identity", "IdentityProvider", "IdentityRule", "IdentitySettings", "read_identity_settings"]

# Signatures that only the issuer can make; never those that whoever knows a shared secret can make.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
_LEEWAY_S = 60
_PATIENCE_S = 10
_KEYS_KEPT_S = 600
_KEYS_ASKED_EVERY_S = 10
"""For ID tokens that name a key which is not known: anybody can make those."""
_LONGEST_TOKEN = 16_384


class IdentityRule(Model):
    """Who becomes what. The first rule that fits counts."""

    claim: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Claim of the ID token, with dots into those inside it, such as `realm_access.roles`; null: everybody fits."""
    value: Annotated[str, Field(max_length=256)] | None = None
    """What it is, or has among others."""
    role: Role = Role.USER
    queue: PolicyName | None = None
    queue_only: StrictBool = False
    actions: tuple[Action, ...] | None = None

    def fits(self, claims: Mapping[str, Any]) -> bool:
        """Whether it is about the bearer of these claims."""
        if self.claim is None:
            return True
        found: Any = claims
        # A claim whose own name has dots (a URL) goes before one that is inside others.
        for name in [self.claim] if self.claim in claims else self.claim.split("."):
            found = found.get(name) if isinstance(found, Mapping) else None
        values = found if isinstance(found, list) else [found]
        return any(
            str(value).lower() == self.value if isinstance(value, bool) else str(value) == self.value
            for value in values
            if value is not None
        )


class IdentitySettings(Model):
    """The file of `gpool controller --oidc`."""

    model_config = ConfigDict(ignored_types=(cached_property,))

    issuer: Annotated[str, Field(max_length=1024)]
    """URL, exactly as ID tokens name it."""
    client_id: Annotated[str, Field(min_length=1, max_length=256)]
    """Of a public client that may use the device authorization flow."""
    audience: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """For whom ID tokens must be; null: the client."""
    scopes: Annotated[tuple[str, ...], Field(max_length=20)] = ("openid", "profile", "email")
    """What `gpool login` asks for."""
    name_claim: Annotated[str, Field(min_length=1, max_length=256)] = "email"
    """What people are called in the pool. Their leases belong to that name."""
    name_prefix: Annotated[str, Field(max_length=20, pattern="^[A-Za-z0-9._@-]*$")] = ""
    """Before that name, where names of people and of tokens made by administrators could be the same."""
    login_lasts_s: Annotated[float, Field(ge=60, le=31_536_000)] = 7 * 86_400.0
    """Programs that run by then run on."""
    rules: Annotated[tuple[IdentityRule, ...], Field(min_length=1, max_length=1000)]

    @field_validator("issuer")
    @classmethod
    def _is_safe(cls, issuer: str) -> str:
        parts = urlsplit(issuer)
        local = parts.hostname in ("127.0.0.1", "::1", "localhost")
        if not parts.hostname or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
            raise ValueError("an issuer has an https:// address")
        return issuer

    @field_validator("rules")
    @classmethod
    def _make_sense(cls, rules: tuple[IdentityRule, ...]) -> tuple[IdentityRule, ...]:
        for number, rule in enumerate(rules, 1):
            if (rule.claim is None) != (rule.value is None):
                raise ValueError(f"rule {number}: claim and value belong together")
            if rule.role is Role.NODE:
                raise ValueError(f"rule {number}: nobody logs in as a node")
            try:
                check_scope(_token(rule, "someone"))
            except GpoolError as error:
                raise ValueError(f"rule {number}: {error}") from error
        return rules


class Identity(Model):
    """Somebody whose ID token was believed."""

    name: TokenName
    subject: Text
    """The issuer's own name for them, which never becomes somebody else's."""
    rule: IdentityRule


def read_identity_settings(file: Path) -> IdentitySettings:
    """What the file says. Raises `CannotStart`."""
    try:
        return IdentitySettings.model_validate(tomllib.loads(file.read_text()))
    except OSError as error:
        raise CannotStart(f"{file} cannot be read ({error.strerror}); check --oidc") from error
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        raise CannotStart(f"{file}: {where}: {fault['msg'].lower()}; see docs/guides/login.md") from error
    except ValueError as error:
        raise CannotStart(f"{file} is not TOML ({error}); see docs/guides/login.md") from error


class IdentityProvider:
    """The issuer, as the controller asks it. Its methods wait for the network: call them in a thread."""

    def __init__(self, settings: IdentitySettings) -> None:
        self.settings = settings
        self._keys: jwt.PyJWKClient | None = None

    def identify(self, id_token: str) -> Identity:
        """Who bears this ID token, and the rule for them.

        Raises `LoginRefused` for a token that is not to be believed, `NotAllowed` for somebody whom no rule lets in,
        and `Unavailable` when the issuer does not tell its keys.
        """
        return self._identity(self._claims(id_token))

    def _claims(self, id_token: str) -> dict[str, Any]:
        if len(id_token) > _LONGEST_TOKEN:
            raise LoginRefused("this is no ID token: it is too long")
        try:
            algorithm = jwt.get_unverified_header(id_token).get("alg")
            if algorithm not in _ALGORITHMS:
                raise LoginRefused(f"ID tokens signed with {str(algorithm)[:20]!r} are not believed")
            key = self._signing_keys().get_signing_key_from_jwt(id_token)
            claims: dict[str, Any] = jwt.decode(
                id_token,
                key,
                algorithms=[algorithm],
                audience=self.settings.audience or self.settings.client_id,
                issuer=self.settings.issuer,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "iat", "iss", "sub", "aud"]},
            )
        except jwt.PyJWKClientConnectionError as error:
            raise Unavailable(f"{self.settings.issuer} does not answer ({error}); log in again later") from error
        except jwt.PyJWTError as error:
            raise LoginRefused(f"the ID token is not believed: {str(error).lower()}; log in again") from error
        return claims

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        settings = self.settings
        name = claims.get(settings.name_claim)
        if not isinstance(name, str) or not name:
            raise NotAllowed(f"the ID token has no claim '{settings.name_claim}', by which people are called here")
        if settings.name_claim == "email" and claims.get("email_verified") is False:
            raise NotAllowed(f"{settings.issuer} has not verified that {name[:80]!r} is yours")
        rule = next((rule for rule in settings.rules if rule.fits(claims)), None)
        if rule is None:
            raise NotAllowed(f"no rule of this pool lets {name[:80]!r} in; ask an administrator")
        try:
            return Identity(name=settings.name_prefix + name, subject=str(claims["sub"])[:255], rule=rule)
        except ValidationError as error:
            raise NotAllowed(
                f"{name[:80]!r} cannot be a name in this pool (up to 63 letters, digits, '.', '_', '@' and '-'); an "
                "administrator can choose another claim for it"
            ) from error

    def _signing_keys(self) -> jwt.PyJWKClient:
        if self._keys is None:
            document = _discover(self.settings.issuer)
            address = document.get("jwks_uri")
            if not isinstance(address, str) or document.get("issuer") != self.settings.issuer:
                raise Unavailable(f"{self.settings.issuer} describes another issuer, or tells no keys; check the file")
            self._keys = jwt.PyJWKClient(
                address, lifespan=_KEYS_KEPT_S, timeout=_PATIENCE_S, cooldown_duration=_KEYS_ASKED_EVERY_S
            )
        return self._keys


def _discover(issuer: str) -> Mapping[str, Any]:
    import json
    import urllib.request

    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE_S) as answer:
            document = json.loads(answer.read(1 << 20))
    except (OSError, ValueError) as error:
        raise Unavailable(f"{issuer} does not describe itself ({error}); log in again later") from error
    return document if isinstance(document, dict) else {}


def _token(rule: IdentityRule, name: str) -> Token:
    return Token(
        id="t-2",
        name=name,
        role=rule.role,
        created_at=datetime.fromisoformat("2026-01-01T00:00:00Z"),
        queue=rule.queue,
        queue_only=rule.queue_only,
        actions=rule.actions,
    )
