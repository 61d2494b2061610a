"""What can be set on a controller."""

from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Literal

from gpool.channel.conversation import ChannelTimes
from gpool.security.rate_limits import RateLimits
from gpool.store.leadership import LEADERSHIP_LASTS_S

__all__ = ["ControllerSettings", "PoolTimes", "TlsSettings", "is_loopback"]


@dataclass(frozen=True, slots=True)
class PoolTimes:
    """Time limits of the pool, in seconds."""

    renew_every_s: float = 5.0
    """How often a holder should renew its lease."""
    lifetime_s: float = 30.0
    """How long a renewal lasts."""
    lost_after_s: float = 15.0
    """A node whose channel is gone for so long is lost."""
    node_grace_s: float = 60.0
    """A node that is lost for so long is given up, and its leases with it."""
    keep_ended_s: float = 30 * 86_400.0
    """Leases are forgotten so long after their end."""
    keep_audit_s: float = 365 * 86_400.0
    """How long the audit log reaches back."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches what listens there. A name that is not `localhost` is taken for any address."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """Whether the API speaks TLS, and with which certificate."""

    mode: Literal["auto", "on", "off"] = "auto"
    """`auto`: off on loopback, else on."""
    certificate: Path | None = None
    """Of one's own, with its key; None: the pool's authority makes one."""
    key: Path | None = None
    names: tuple[str, ...] = ()
    """More names and addresses that the certificate of the pool's authority is for."""

    def wanted(self, host: str) -> bool:
        """Whether a controller that listens at `host` speaks TLS."""
        if self.mode == "auto":
            return self.certificate is not None or not is_loopback(host)
        return self.mode == "on"


@dataclass(frozen=True, slots=True)
class ControllerSettings:
    """How to run a controller."""

    host: str
    port: int
    state: Path
    """Folder of the tokens, of `controller.json`, and of an SQLite database that nobody has put elsewhere."""
    database: str
    """Its URL."""
    advertise: str | None = None
    """The API's URL as others reach it, which a waiting controller tells them; None: as this machine reaches it."""
    leadership_s: float = LEADERSHIP_LASTS_S
    """So long after its leader has gone a database waits for it."""
    tls: TlsSettings = field(default_factory=TlsSettings)
    limits: RateLimits = field(default_factory=RateLimits)
    times: PoolTimes = field(default_factory=PoolTimes)
    channel: ChannelTimes = field(default_factory=ChannelTimes)
