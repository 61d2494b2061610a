"""A lease in the hands of its launcher, without processes."""

from __future__ import annotations

from fake_controller import FakeController

from gpool.launch.api_client import ApiClient
from gpool.launch.holding import Holding


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
    assert holding.answer().startswith("lease id=l-1\n")
    controller.end("l-1", "lease l-1 expired")
    assert not holding.keep()
    assert told == ["the lease is lost: lease l-1 expired; the program's GPUs are taken away"]
    assert holding.answer() == "error lease l-1 expired; start the program again with `gpool run`\n"


def test_a_lease_that_is_gone_is_given_back_without_complaint(controller: FakeController) -> None:
    holding = held(controller, [])
    controller.end("l-1", "over")
    del controller.leases["l-1"]
    holding.release()
