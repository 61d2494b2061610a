"""The leading controller dies, is stopped or is cut off from its database, in the middle of work. All is real.

| what happens to the leader                     | who ends its leadership                                    |
| ---------------------------------------------- | ---------------------------------------------------------- |
| kill -9                                        | the database's clock                                       |
| SIGSTOP, and SIGCONT when another one leads    | the database's clock; then its own, as soon as it goes on  |
| its way to the database swallows everything    | its own clock: it says that it leads no longer             |

All the while one program computes and compares every result, and a user asks for leases and gives them back.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from pair import NODE, Controller, Pair, node_is_ready, pair_of_controllers, until
from test_kills import Program

from gpool.errors import GpoolError
from harness.postgres import PostgresServer


@pytest.fixture(scope="module")
def pair(native: Path, postgres: PostgresServer) -> Iterator[Pair]:
    with TemporaryDirectory(prefix="gpool-ha-") as folder:
        with pair_of_controllers(Path(folder), native, postgres) as opened:
            yield opened
        assert opened.home.processes() == []


@pytest.fixture(scope="module")
def program(pair: Pair) -> Iterator[Program]:
    with Program(pair.home, NODE, "tcp") as running:
        yield running
        code, told = running.end()
        assert code == 0
        assert "is lost" not in told
    until(lambda: all(lease["state"] == "ended" for lease in pair.stored_leases()), "every lease has ended")


class Busy:
    """Context manager: a user who asks for the GPU that is left, and gives it back, again and again."""

    def __init__(self, pair: Pair) -> None:
        self._client = pair.client()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self.done: list[str] = []
        self.refusals: list[str] = []

    def __enter__(self) -> Busy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._over.is_set():
            try:
                lease = self._client.post("/leases", {"vgpus": 1})["id"]
                self._client.delete(f"/leases/{lease}")
                self.done.append(lease)
            except GpoolError as error:
                self.refusals.append(str(error))


def kill(leader: Controller) -> Callable[[], None]:
    leader.process.kill()
    leader.process.wait()
    return leader.begin


def stop(leader: Controller) -> Callable[[], None]:
    os.kill(leader.process.pid, signal.SIGSTOP)
    return lambda: os.kill(leader.process.pid, signal.SIGCONT)


def cut_off(leader: Controller) -> Callable[[], None]:
    leader.way.cut()
    return leader.way.mend


@pytest.mark.parametrize("harm", [kill, stop, cut_off])
def test_another_controller_goes_on(
    pair: Pair, program: Program, harm: Callable[[Controller], Callable[[], None]]
) -> None:
    leader, other = pair.leader()
    session = until(program.session, "the program has its session")
    client = pair.client()
    with Busy(pair) as busy:
        until(lambda: len(busy.done) > 3, "the user is at work")
        mend = harm(leader)
        until(other.leads, "the other one leads")
        assert harm is stop or not leader.leads()
        before = len(busy.done)
        until(lambda: node_is_ready(pair), "the node is back")
        until(lambda: len(busy.done) > before + 3, "the user is at work again")
        mend()
    pair.check_store()
    program.alive()

    lease = client.get(f"/leases/{program.lease}")
    assert (lease["state"], len(lease["vgpus"])) == ("active", 1)
    until(
        lambda: client.get(f"/leases/{program.lease}")["expires_at"] > lease["expires_at"],
        "the lease is renewed through the new leader",
    )
    now = until(program.session, "the new leader has heard of the session")
    assert (now["id"], now["node"]) == (session["id"], session["node"]), "it is the same session all the while"
    # Who led before waits now, and says who leads.
    leader.served()
    assert not leader.leads()
    stored = {lease["id"]: lease for lease in pair.stored_leases()}
    assert set(busy.done) <= set(stored), "a lease that was granted and given back is forgotten"
    assert {stored[lease]["state"] for lease in busy.done} <= {"ending", "ended"}


def test_a_leader_that_ends_in_good_order_is_followed_at_once(pair: Pair, program: Program) -> None:
    leader, other = pair.leader()
    leader.end()
    assert leader.process.returncode == 0
    assert until(other.leads, "the other one leads")
    program.alive()
