"""What can be set on a controller."""

from dataclasses import dataclass, field
from pathlib import Path

from gpool.channel.conversation import ChannelTimes
from gpool.store.leadership import LEADERSHIP_LASTS_S

__all__ = ["ControllerSettings", "PoolTimes"]


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
    times: PoolTimes = field(default_factory=PoolTimes)
    channel: ChannelTimes = field(default_factory=ChannelTimes)
