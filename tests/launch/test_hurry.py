"""A client that is told to ask less often does so."""

from __future__ import annotations

import pytest
from fake_controller import fake_controller, problem

from gpool.errors import TooManyRequests
from gpool.launch import api_client
from gpool.launch.api_client import ApiClient


def test_it_waits_as_long_as_it_is_told_and_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_controller() as controller:
        controller.refuse = {**problem("too-many-requests", 429, "asks too fast"), "retry_after_s": 7}
        waited = []

        def sleep(seconds: float) -> None:
            waited.append(seconds)
            if len(waited) == 2:
                controller.refuse = None

        monkeypatch.setattr(api_client.time, "sleep", sleep)
        ApiClient(controller.url, "a-token").post("/leases", {})
        assert waited == [7, 7]
        assert len(set(controller.keys)) == 1, "it is the same request each time"


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api_client.time, "sleep", lambda _: pytest.fail("that would take too long"))
    with fake_controller() as controller:
        controller.refuse = {**problem("too-many-requests", 429, "asks too fast"), "retry_after_s": 31}
        with pytest.raises(TooManyRequests, match="asks too fast"):
            ApiClient(controller.url, "a-token").get("/leases")
