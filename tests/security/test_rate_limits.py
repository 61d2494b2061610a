"""Buckets of requests."""

from gpool.security import rate_limits
from gpool.security.rate_limits import Buckets, neighbourhood


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_bucket_gives_what_is_in_it_and_then_what_flows_in() -> None:
    clock = Clock()
    buckets = Buckets(2.0, 4.0, clock)
    assert [buckets.take("ann") for _ in range(5)] == [0, 0, 0, 0, 1]
    assert buckets.take("bob") == 0, "each has one of its own"
    clock.now_s += 1
    assert [buckets.take("ann") for _ in range(3)] == [0, 0, 1]
    clock.now_s += 1000
    assert [buckets.take("ann") for _ in range(5)] == [0, 0, 0, 0, 1], "it does not run over"
    assert Buckets(0.1, 1.0, clock).take("ann") == 0


def test_a_slow_one_says_how_long_to_wait() -> None:
    buckets = Buckets(0.1, 1.0, Clock())
    assert [buckets.take("ann"), buckets.take("ann"), buckets.take("ann")] == [0, 10, 10], "a refusal costs nothing"


def test_names_are_bounded_and_who_asked_longest_ago_is_forgotten(monkeypatch: object) -> None:
    clock = Clock()
    buckets = Buckets(1.0, 1.0, clock)
    for number in range(rate_limits._MOST_BUCKETS + 1):
        assert buckets.take(str(number)) == 0
    assert buckets.take("1") == 1
    assert buckets.take("0") == 0


def test_one_host_is_one_neighbourhood() -> None:
    assert neighbourhood("10.0.0.5") == "10.0.0.5"
    assert neighbourhood("2001:db8:1:2:3::4") == neighbourhood("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    assert neighbourhood("::ffff:10.0.0.5") == "10.0.0.5"
    assert neighbourhood("testclient") == "testclient"
