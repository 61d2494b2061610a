"""Slow, narrow and lossy networks: right results, and no hang."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.drivers import Driver
from harness.lossy_link import LossyLink
from harness.network import Proxy
from harness.toolchain import Nvcc
from harness.workerd import Workerd
from network.conftest import Holder
from workerd.conftest import MIB, Node

_HUNDRED_MBIT = 100e6
_PROGRAMS = Path(__file__).parents[1] / "cuda_programs"


@pytest.mark.parametrize("delay_ms", [1, 10, 50])
def test_a_program_over_a_slow_and_narrow_connection(
    delay_ms: int,
    nvcc: Nvcc,
    start_workerd: Callable[..., Workerd],
    reach: Callable[[Workerd, str], Driver],
) -> None:
    executable = str(nvcc.compile(_PROGRAMS / "streams_events.cu"))
    workerd = start_workerd()
    with Proxy(workerd.tcp, delay_s=delay_ms / 1000, bytes_per_s=_HUNDRED_MBIT / 8) as proxy:
        text = reach(workerd, proxy.address).run([executable], timeout_s=120)
    assert text.splitlines()[-1].startswith("PASS streams_events "), text


@contextlib.contextmanager
def node_behind(native: Path, link: LossyLink) -> Iterator[tuple[Node, str]]:
    """A node in the far namespace, and the address that programs in the near one have for it."""
    node = Node(native, tcp=f"{link.far_address}:7071", prefix=link.command(link.far, []))
    try:
        node.start()
        node.agent()
        yield node, f"{node.tcp}?ticket={node.ticket(memory=128 * MIB).hex()}"
    finally:
        node.stop()


@pytest.fixture
def packets() -> None:
    """Skips where no link of packets can be made."""
    if why := LossyLink.why_not():
        pytest.skip(why)


@pytest.mark.usefixtures("packets")
@pytest.mark.parametrize(("delay_ms", "loss"), [(1, 0.02), (10, 0.01), (50, 0.01)])
def test_a_program_over_a_network_that_loses_packets(
    delay_ms: int, loss: float, native: Path, hold: Callable[..., Holder]
) -> None:
    with (
        LossyLink(delay_s=delay_ms / 1000, bits_per_s=_HUNDRED_MBIT, loss=loss, seed=1) as link,
        node_behind(native, link) as (_, address),
    ):
        holder = hold(address, prefix=link.command(link.near, []))
        assert [holder.ask(), holder.ask()] == ["0", "0"]
        assert holder.end() == ""
        assert link.lost_packets > 0


@pytest.mark.usefixtures("packets")
def test_a_network_that_falls_silent_is_noticed_and_waited_for(native: Path, hold: Callable[..., Holder]) -> None:
    """Nobody ends the connection: the packets are just gone, as with a cable that is pulled."""
    with (
        LossyLink(delay_s=0.001, bits_per_s=_HUNDRED_MBIT, loss=0, seed=1) as link,
        node_behind(native, link) as (node, address),
    ):
        holder = hold(address, prefix=link.command(link.near, []), GPOOL_LOG="warn")
        assert holder.ask() == "0"
        link.cut = True
        holder.begin()
        node.wait_for_text("For 30 s the session can be resumed")
        link.cut = False
        assert holder.answer() == "0"
        assert "For 30 s the session can be resumed" in holder.end()
