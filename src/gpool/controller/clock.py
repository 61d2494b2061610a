"""The controller's clock."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "steady_clock"]

Clock = Callable[[], datetime]
"""Says what time it is, in UTC."""


def steady_clock() -> Clock:
    """Wall-clock time that goes on evenly from now: setting the host's clock forward must not end all leases."""
    started_at, started_s = datetime.now(UTC), time.monotonic()
    return lambda: started_at + timedelta(seconds=time.monotonic() - started_s)
