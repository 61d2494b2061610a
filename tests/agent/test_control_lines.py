"""workerd's lines, and what they add up to."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpool.agent.control_lines import ControlLine, parse_control_line
from gpool.agent.ledger import WorkerdLedger
from gpool.agent.revocation import leases_to_revoke
from gpool.channel.messages import Desired, DesiredLease

GPU = "GPU-00000000-0000-0000-0000-000000000001"


def test_plain_and_quoted_values() -> None:
    line = parse_control_line('session id=12 command="a b=\\"c\\" \\\\" host="" detail=x=y\n')
    assert line == ControlLine("session", {"id": "12", "command": 'a b="c" \\', "host": "", "detail": "x=y"})


@given(st.text())
def test_whatever_is_quoted_comes_back(text: str) -> None:
    assert parse_control_line(f"session command={json.dumps(text)}").values == {"command": text}


@given(st.text())
def test_any_line_is_understood_or_refused(text: str) -> None:
    with contextlib.suppress(ValueError):
        parse_control_line(text)


@pytest.mark.parametrize("text", ["", "session id", 'session id="1', "session =1"])
def test_lines_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_control_line(text)


def fold(ledger: WorkerdLedger, *lines: str) -> list[bool]:
    return [ledger.apply(parse_control_line(line)) for line in lines]


def test_a_list_is_the_whole_truth() -> None:
    ledger = WorkerdLedger("node-a")
    fold(
        ledger,
        "session id=1 lease=l-a pid=1 client=1 host=h command=c state=open",
        "session id=2 lease=l-b pid=1 client=1 host=h command=c state=open",
        f"usage lease=l-a gpu={GPU} bytes=10 limit=100",
        f"usage lease=l-b gpu={GPU} bytes=20 limit=100",
    )
    assert ledger.gpu_use((GPU,))[0].memory_used_bytes == 30
    ledger.begin_status()
    fold(ledger, "session id=2 lease=l-b pid=1 client=1 host=h command=c state=open")
    assert ledger.leases_with_sessions() == {"l-a", "l-b"}
    assert fold(ledger, "end") == [True]
    assert ledger.leases_with_sessions() == {"l-b"}
    assert ledger.lease_use() == ()


def test_the_use_of_a_lease_ends_with_its_sessions() -> None:
    ledger = WorkerdLedger("node-a")
    opened, used = "session id=1 lease=l-a state=open", f"usage lease=l-a gpu={GPU} bytes=10 limit=100"
    assert fold(ledger, opened, used, opened) == [True, False, False]
    assert fold(ledger, "session id=1 lease=l-a state=closed reason=client-closed detail=x") == [True]
    assert ledger.lease_use() == ()


@pytest.mark.parametrize(
    "line", ["session id=x state=open", "session id=1 lease=- state=open", f"usage lease=l-a gpu={GPU} bytes=many"]
)
def test_senseless_values_change_nothing(line: str) -> None:
    ledger = WorkerdLedger("node-a")
    with pytest.raises(ValueError, match=r"."):
        fold(ledger, line)
    assert (ledger.sessions, ledger.use) == ({}, {})


def desired(*leases: str, revoked: tuple[str, ...] = ()) -> Desired:
    return Desired(counter=1, leases=tuple(DesiredLease(id=lease, vgpus=()) for lease in leases), revoked=revoked)


@pytest.mark.parametrize(
    ("before", "now", "older", "revoked"),
    [
        (None, desired("l-a"), set(), set()),
        (None, desired("l-a"), {"l-a", "l-b"}, {"l-b"}),
        (None, desired(revoked=("l-c",)), set(), {"l-c"}),
        (desired("l-a", "l-b"), desired("l-b"), set(), {"l-a"}),
        (desired("l-a"), desired("l-a", revoked=("l-a",)), {"l-a"}, set()),
    ],
)
def test_what_is_revoked(before: Desired | None, now: Desired, older: set[str], revoked: set[str]) -> None:
    assert leases_to_revoke(before, now, older) == revoked
