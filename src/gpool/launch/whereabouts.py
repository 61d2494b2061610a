"""Where the controllers of a pool are, and which of them leads: whoever asks the wrong one is sent on.

On the path of `gpool run`: imports nothing heavy.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from gpool.errors import ControllerUnreachable, InvalidInput, NotLeading
from gpool.launch.http_exchange import Target

__all__ = ["LEADER_PATIENCE_S", "Place", "Whereabouts", "same_pool"]

LEADER_PATIENCE_S = 20.0
"""How long nobody may lead before that is told as a failure; a leadership that nobody gave up lasts 15 s."""
_PAUSE_S = 0.5

_ADDRESS = re.compile(
    r"(?P<scheme>https?)://(?P<host>[^/:?#@,\s\[\]]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{1,5}))?(?P<path>/[^?#,\s]*)?"
)

T = TypeVar("T")


class Place(NamedTuple):
    """One controller."""

    url: str
    target: Target
    prefix: str
    """What stands before `/api` in its paths."""

    @classmethod
    def at(cls, url: str, ca: str = "") -> Place:
        """The controller at that URL, vouched for by `ca` (see `ApiClient`). Raises `InvalidInput`."""
        parts = _ADDRESS.fullmatch(url)
        if parts is None or int(parts["port"] or 0) > 65535:
            raise InvalidInput(f"{url!r} is not the address of a controller; it looks like http://HOST:7070")
        tls = parts["scheme"] == "https"
        target = Target(tls, parts["host"].strip("[]"), int(parts["port"] or (443 if tls else 80)), ca)
        return cls(url.rstrip("/"), target, (parts["path"] or "").rstrip("/"))


def _urls(text: str) -> list[str]:
    return [url.strip() for url in text.split(",") if url.strip()]


def same_pool(some: str, configured: str) -> bool:
    """Whether all the URLs of `some` are among those of `configured`."""
    known = {url.rstrip("/") for url in _urls(configured)}
    return all(url.rstrip("/") in known for url in _urls(some))


class Whereabouts:
    """The controllers of a pool. `text`: their URLs, with commas in between; `ca` vouches for those with TLS.

    Raises `InvalidInput`.
    """

    def __init__(self, text: str, ca: str = "") -> None:
        self._ca = ca
        self._places = [Place.at(url, ca) for url in _urls(text)] or [Place.at(text, ca)]
        self.now = self._places[0]
        """Whom to ask."""

    @property
    def several(self) -> bool:
        """Whether there is anybody else to ask."""
        return len(self._places) > 1

    def ask(self, question: Callable[[], T]) -> T:
        """Ask at `now`, and go on from there until somebody who leads answers.

        A question that may have been heard is asked again: a write says by its key that it is the same one. Raises
        what `question` raises; when nobody leads for `LEADER_PATIENCE_S`, or nobody can be reached, the last reason.
        """
        until = time.monotonic() + LEADER_PATIENCE_S
        while True:
            failure: Exception | None = None
            waits = self.several
            for place in self._round():
                self.now = place
                try:
                    return question()
                except NotLeading as error:
                    failure, waits = error, True
                    self._follow(error.leader)
                except ControllerUnreachable as error:
                    failure = failure or error
            assert failure is not None, "a round has at least one place"
            self.now = self._places[0]
            if not waits or time.monotonic() > until:
                raise failure
            time.sleep(_PAUSE_S)

    def _round(self) -> Iterator[Place]:
        """Everybody once: whom we asked last, whom we are sent to, all others."""
        asked: set[str] = set()
        self._sent_to: Place | None = None
        place: Place | None = self.now
        while place is not None:
            asked.add(place.url)
            yield place
            hint, self._sent_to = self._sent_to, None
            candidates = [*([hint] if hint else []), *self._places]
            place = next((candidate for candidate in candidates if candidate.url not in asked), None)

    def _follow(self, leader: Any) -> None:
        """Ask at that URL next. Not without TLS, when we were asking with it: our token goes along."""
        if not isinstance(leader, str):
            return
        try:
            place = Place.at(leader, self._ca)
        except InvalidInput:
            return
        if place.target.tls or not self.now.target.tls:
            self._sent_to = place
