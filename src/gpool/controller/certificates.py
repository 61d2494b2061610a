"""The controller's certificate: given by its operator, or made by the pool's own authority and renewed in time."""

import asyncio
import contextlib
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from gpool.controller.settings import ControllerSettings
from gpool.errors import GpoolError
from gpool.model.certificate import Certified
from gpool.security.authority import LEAF_DAYS, describe, is_of, issue, make_authority
from gpool.security.private_files import private_folder, write_private
from gpool.security.serving_certificate import ServingCertificate
from gpool.store.authority_store import keep_authority, load_authority
from gpool.store.database import Database

__all__ = ["AUTHORITY_FILE", "ControllerCertificate", "leaf_files", "names_of_this_host", "write_leaf"]

log = structlog.get_logger("gpool.controller")

AUTHORITY_FILE = "ca.pem"
_LOOK_EVERY_S = 2.0
"""At the files: two calls of stat."""
_LOOKS_PER_RENEWAL = 30
_MOST_NAMES = 60
_RENEW_BEFORE = timedelta(days=LEAF_DAYS / 3)
_WARN_BEFORE = timedelta(days=14)
_WARN_OF_AUTHORITY_BEFORE = timedelta(days=180)
_WARN_EVERY = timedelta(days=1)


def leaf_files(state: Path) -> tuple[Path, Path]:
    """Where the certificate that the pool's authority made for this controller lies, and its key."""
    return state / "tls" / "controller.pem", state / "tls" / "controller.key"


def names_of_this_host(host: str, more: tuple[str, ...] = ()) -> list[str]:
    """Names and addresses by which others may call a controller that listens at `host`, `more` first."""
    names = [*more, socket.gethostname(), socket.getfqdn(), "localhost", "127.0.0.1", "::1"]
    if host not in ("0.0.0.0", "::"):
        names.append(host)
    else:
        names += _addresses()
    good = [name.strip().lower() for name in names if name and "%" not in name]
    return list(dict.fromkeys(good))


def _addresses() -> list[str]:
    """This host's addresses on the way to the world; no packet is sent."""
    found = []
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.append(str(probe.getsockname()[0]))
    return found


def write_leaf(state: Path, authority: Certified, names: list[str], now: datetime, days: int = LEAF_DAYS) -> None:
    """Have the authority vouch for this controller under these names, and keep that in the state folder.

    Raises `CannotStart`, and `InvalidInput` for names that cannot be in a certificate.
    """
    certificate, key = leaf_files(state)
    private_folder(certificate.parent)
    leaf = issue(authority, names, now, days)
    # The key first: a server that looks in between finds two that do not fit, and looks again later.
    write_private(key, leaf.key)
    write_private(certificate, leaf.certificate)
    write_private(certificate.parent / AUTHORITY_FILE, authority.certificate)


class ControllerCertificate:
    """What a controller shows to those who connect."""

    def __init__(
        self, settings: ControllerSettings, database: Database, own: Certified | None, serving: ServingCertificate
    ) -> None:
        self.serving = serving
        self._settings = settings
        self._database = database
        self._own = own
        self._warned_at: datetime | None = None

    @classmethod
    async def of(cls, settings: ControllerSettings, database: Database) -> "ControllerCertificate | None":
        """The certificate as the settings want it, None for a controller that is to speak without TLS.

        Raises `CannotStart` and `Unavailable`.
        """
        tls = settings.tls
        if not tls.wanted(settings.host):
            return None
        if tls.certificate is not None and tls.key is not None:
            return cls(settings, database, None, ServingCertificate(tls.certificate, tls.key))
        own = await load_authority(database) or await keep_authority(database, make_authority(_now()))
        _renew_if_due(settings, own)
        return cls(settings, database, own, ServingCertificate(*leaf_files(settings.state)))

    @property
    def authority(self) -> str | None:
        """The pool's own authority as PEM; None when somebody else's vouches for this controller."""
        return None if self._own is None else self._own.certificate

    async def keep(self) -> None:
        """Until cancelled: renew it in time, show it when its files change, warn before it expires."""
        looks = 0
        while True:
            try:
                if self._own is not None and looks % _LOOKS_PER_RENEWAL == 0:
                    self._own = await load_authority(self._database) or self._own
                    _renew_if_due(self._settings, self._own)
                if self.serving.reload():
                    log.info("certificate taken up", file=str(self.serving.file), expires=_day(self.serving.expires_at))
            except (GpoolError, OSError, ValueError) as error:
                log.warning(
                    "the certificate cannot be renewed or taken up; the last one is shown on", reason=str(error)
                )
            self._warn(_now())
            looks += 1
            await asyncio.sleep(_LOOK_EVERY_S)

    def _warn(self, now: datetime) -> None:
        if self._warned_at is not None and now - self._warned_at < _WARN_EVERY:
            return
        expiring = []
        if self.serving.expires_at - now < _WARN_BEFORE:
            expiring.append((str(self.serving.file), self.serving.expires_at))
        if self._own is not None:
            ends = describe(self._own.certificate).expires_at
            if ends - now < _WARN_OF_AUTHORITY_BEFORE:
                expiring.append(("the pool's authority", ends))
        for what, ends in expiring:
            self._warned_at = now
            log.warning("a certificate expires soon", certificate=what, expires=_day(ends), remedy="gpool cert show")


def _renew_if_due(settings: ControllerSettings, own: Certified) -> None:
    """Make the controller's certificate when it is not there, of another authority, for too few names, or old."""
    file, key = leaf_files(settings.state)
    wanted = names_of_this_host(settings.host, settings.tls.names)
    try:
        known = describe(file.read_text())
        if (
            key.is_file()
            and is_of(file.read_text(), own.certificate)
            and set(wanted) <= set(known.names)
            and known.expires_at - _now() > _RENEW_BEFORE
        ):
            return
        # Names that somebody has added by `gpool cert renew --name` stay; of the addresses of before, the last ones.
        names = list(dict.fromkeys([*wanted, *known.names]))[:_MOST_NAMES]
    except (OSError, UnicodeDecodeError, GpoolError):
        names = wanted
    write_leaf(settings.state, own, names, _now())
    log.info("certificate made", file=str(file), names=names)


def _now() -> datetime:
    return datetime.now(UTC)


def _day(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d}"
