"""How fast somebody may ask: a bucket of requests for each that fills steadily, in this controller's memory."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, IPv6Network, ip_address

__all__ = ["Buckets", "RateLimits", "neighbourhood"]

_MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True)
class RateLimits:
    """Requests per second, and at once after a pause."""

    token_per_s: float = 100.0
    """Of one token; 0: nobody is limited."""
    token_burst: float = 500.0
    address_per_s: float = 20.0
    """From one address without a token that is good."""
    address_burst: float = 100.0


class Buckets:
    """One bucket for each name, full at first. `clock`: monotonic seconds."""

    def __init__(self, per_s: float, burst: float, clock: Callable[[], float]) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._left: dict[str, tuple[float, float]] = {}
        """Name → what was left then, and when that was. The one that was asked last stands last."""

    def take(self, name: str) -> int:
        """Take one request out of the bucket: 0, or so many whole seconds until there is one again."""
        now = self._clock()
        left, then = self._left.pop(name, (self._burst, now))
        left = min(self._burst, left + (now - then) * self._per_s)
        enough = left >= 1
        self._left[name] = (left - 1 if enough else left, now)
        if len(self._left) > _MOST_BUCKETS:
            # Whoever asked longest ago has the fullest bucket: nearly nothing is forgotten.
            del self._left[next(iter(self._left))]
        return 0 if enough else max(1, math.ceil((1 - left) / self._per_s))


def neighbourhood(address: str) -> str:
    """Whom an address stands for: of IPv6 the /64 that one host can have all of."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return str(parsed)
