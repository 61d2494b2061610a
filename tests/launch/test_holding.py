"""A lease in the hands of its launcher, without processes."""

from __future__ import annotations

import socket

from fake_controller import FakeController

from gpool.launch.api_client import ApiClient
from gpool.launch.broker import Asker
from gpool.launch.holding import Holding

NOBODY = Asker(socket.socket(), "1")
NOBODY._connection.close()


def held(controller: FakeController, told: list[str]) -> Holding:
    api = ApiClient(controller.url, "a-token")
    lease = api.post("/leases", {})
    return Holding(api, lease["id"], transport="auto", own_host_id="here", tell=told.append)


def test_a_renewal_that_crosses_the_release_says_nothing(controller: FakeController) -> None:
    told: list[str] = []
    holding = held(controller, told)
    assert holding.keep()
    holding.release()
    assert not holding.keep()
    assert told == []


def test_a_loss_is_told_once_and_the_broker_refuses(controller: FakeController) -> None:
    told: list[str] = []
    holding = held(controller, told)
    assert holding.keep()
    assert holding.answer(NOBODY).startswith("lease id=l-1\n")
    controller.end("l-1", "lease l-1 expired")
    assert not holding.keep()
    assert told == ["the lease is lost: lease l-1 expired; the program's GPUs are taken away"]
    assert holding.answer(NOBODY) == "error lease l-1 expired; start the program again with `gpool run`\n"


def test_a_movable_lease_has_no_tickets_until_a_process_asks(controller: FakeController) -> None:
    api = ApiClient(controller.url, "a-token")
    lease = api.post("/leases", {"movable": True})
    holding = Holding(api, lease["id"], transport="auto", own_host_id="here", tell=[].append)
    assert holding.keep()
    assert holding.sessions == []
    assert "in_use_at" not in controller.leases["l-1"]
    assert " ticket=" in holding.answer(NOBODY)
    assert "in_use_at" in controller.leases["l-1"]
    renewals = controller.renewals["l-1"]
    assert " ticket=" in holding.answer(NOBODY)
    assert controller.renewals["l-1"] == renewals, "once it has them, nobody is asked"


def test_a_lease_that_is_gone_is_given_back_without_complaint(controller: FakeController) -> None:
    holding = held(controller, [])
    controller.end("l-1", "over")
    del controller.leases["l-1"]
    holding.release()


def test_the_end_of_the_maximum_duration_is_told_once_before(controller: FakeController) -> None:
    told: list[str] = []
    api = ApiClient(controller.url, "a-token")
    lease = api.post("/leases", {"max_duration_s": 300.0, "warn_s": 300.0})
    holding = Holding(api, lease["id"], transport="auto", own_host_id="here", tell=told.append)
    holding.renew()
    assert holding.rest_s() == 0
    for _ in range(2):
        holding.warn_when_due()
    assert told == [
        "lease l-1 ends in 300 s: its maximum duration of 300 s is over then; save what is to be kept",
    ]
    assert holding.rest_s() == controller.renew_every_s


def test_a_warning_comes_between_renewals_and_not_before_its_time(controller: FakeController) -> None:
    told: list[str] = []
    controller.renew_every_s = 600.0
    api = ApiClient(controller.url, "a-token")
    lease = api.post("/leases", {"max_duration_s": 300.0, "warn_s": 100.0})
    holding = Holding(api, lease["id"], transport="auto", own_host_id="here", tell=told.append)
    holding.renew()
    holding.warn_when_due()
    assert told == []
    assert 0 < holding.rest_s() <= 200
