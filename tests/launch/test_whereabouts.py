"""A client that is told of several controllers finds the one that leads, and follows it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from fake_controller import FakeController, fake_controller, problem

from gpool.errors import ControllerUnreachable, InvalidInput, NotLeading
from gpool.launch import whereabouts
from gpool.launch.api_client import ApiClient
from gpool.launch.whereabouts import same_pool


@pytest.fixture
def pair() -> Iterator[tuple[FakeController, FakeController]]:
    """One that leads, and one that waits and says so."""
    with ExitStack() as stack:
        leader, standby = (stack.enter_context(fake_controller()) for _ in range(2))
        send_on(standby, leader.url)
        yield leader, standby


def send_on(controller: FakeController, leader: str | None) -> None:
    controller.refuse = {**problem("not-leading", 503, "another controller leads"), "leader": leader}


def nobody() -> str:
    """An address where nobody answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_it_is_sent_on_and_stays_there(pair: tuple[FakeController, FakeController]) -> None:
    leader, standby = pair
    client = ApiClient(standby.url, "a-token")
    for _ in range(3):
        client.post("/leases", {})
    assert (len(standby.calls), len(leader.calls)) == (1, 3)
    assert set(leader.authorizations) == {"Bearer a-token"}
    assert client.url == leader.url


def test_it_tries_all_that_it_knows(pair: tuple[FakeController, FakeController]) -> None:
    leader, standby = pair
    send_on(standby, None)
    client = ApiClient(f"{nobody()}, {standby.url}/ ,{leader.url}", "a-token")
    assert client.post("/leases", {})["id"] == "l-1"
    assert client.get("/leases/l-1")["id"] == "l-1"
    assert len(standby.calls) == 1


def test_it_follows_when_they_change_places(pair: tuple[FakeController, FakeController]) -> None:
    leader, standby = pair
    client = ApiClient(f"{leader.url},{standby.url}", "a-token")
    lease = client.post("/leases", {})["id"]
    standby.leases, standby.refuse = leader.leases, None
    send_on(leader, standby.url)
    assert client.post(f"/leases/{lease}/renew")["lease"]["id"] == lease
    assert standby.renewals == {lease: 1}


def test_it_waits_while_nobody_leads(
    pair: tuple[FakeController, FakeController], monkeypatch: pytest.MonkeyPatch
) -> None:
    leader, standby = pair
    send_on(leader, None)
    send_on(standby, leader.url)  # it does not know yet that the leader has gone
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 3:
            standby.refuse = None

    monkeypatch.setattr(whereabouts.time, "sleep", pause)
    ApiClient(leader.url + "," + standby.url, "a-token").post("/leases", {})
    assert len(pauses) == 3
    assert len(leader.calls) == 4


def test_it_says_so_when_nobody_leads_for_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whereabouts, "LEADER_PATIENCE_S", 0.0)
    with fake_controller() as standby:
        send_on(standby, None)
        with pytest.raises(NotLeading, match="another controller leads"):
            ApiClient(f"{nobody()},{standby.url}", "a-token").get("/leases")
    with pytest.raises(ControllerUnreachable, match="no controller answers"):
        ApiClient(f"{nobody()},{nobody()}", "a-token").get("/leases")


def test_a_token_is_not_sent_on_without_the_encryption_that_it_came_with(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whereabouts, "LEADER_PATIENCE_S", 0.0)
    monkeypatch.setattr(whereabouts.time, "sleep", lambda _: None)
    there = whereabouts.Whereabouts("https://gpool.example")
    asked = []

    def question() -> None:
        asked.append(there.now.url)
        error = NotLeading("another controller leads")
        error.leader = "http://elsewhere:7070"
        raise error

    with pytest.raises(NotLeading):
        there.ask(question)
    assert set(asked) == {"https://gpool.example"}


def test_what_may_have_been_heard_is_asked_again_for_its_key_says_that_it_is_the_same(
    pair: tuple[FakeController, FakeController],
) -> None:
    leader, _ = pair
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        client = ApiClient(f"{url},{leader.url}", "a-token", timeout_s=0.2)
        client.post("/leases", {})
        heard, _ = deaf.accept()
        with heard:
            asked = heard.recv(65536).decode()
    assert [path for _, path in leader.calls] == ["/api/v1/leases"]
    assert f"Idempotency-Key: {leader.keys[0]}\r\n" in asked


@pytest.mark.parametrize("url", ["http://a:1,nonsense", "nonsense", "http://a:99999,http://b"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(InvalidInput, match="is not the address of a controller"):
        ApiClient(url, None)


def test_which_addresses_are_those_of_the_users_pool() -> None:
    assert same_pool("http://b:1", "http://a:1,http://b:1/")
    assert same_pool("", "http://a:1")
    assert not same_pool("http://a:1,http://c:1", "http://a:1,http://b:1")
