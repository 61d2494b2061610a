"""What is counted and timed as it happens. docs/reference/metrics.md says what each name means; names are for ever."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Histogram

__all__ = ["Counted"]

_WAITS_S = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
_WORK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)


class Counted:
    """Counters and histograms of one controller, in a registry of their own.

    Labels take few values: queues, kinds of events, routes as the API's document names them; never leases or people.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.lease_wait = Histogram(
            "gpool_lease_wait_seconds",
            "From the request of a lease to its grant.",
            ["queue"],
            buckets=_WAITS_S,
            registry=self.registry,
        )
        self.leases_ended = Counter(
            "gpool_leases_ended", "Leases that have ended, granted or not.", ["queue"], registry=self.registry
        )
        self.events = Counter(
            "gpool_events",
            "Events of the pool, as `gpool explain` shows them.",
            ["object", "type"],
            registry=self.registry,
        )
        self.requests = Counter(
            "gpool_api_requests", "Requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.request_time = Histogram(
            "gpool_api_request_seconds",
            "Time to answer requests that do not ask to be kept waiting.",
            ["method", "route"],
            buckets=_WORK_S,
            registry=self.registry,
        )
        self.cycle_time = Histogram(
            "gpool_scheduling_cycle_seconds", "Time of one scheduling cycle.", buckets=_WORK_S, registry=self.registry
        )
        self.transaction_time = Histogram(
            "gpool_store_transaction_seconds",
            "Time to store one set of changes.",
            buckets=_WORK_S,
            registry=self.registry,
        )

    @contextmanager
    def cycle(self) -> Iterator[None]:
        """Times what is done inside as one scheduling cycle."""
        began_s = time.perf_counter()
        yield
        self.cycle_time.observe(time.perf_counter() - began_s)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Times what is done inside as one transaction, unless it fails."""
        began_s = time.perf_counter()
        yield
        self.transaction_time.observe(time.perf_counter() - began_s)
