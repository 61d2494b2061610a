"""The error tree is one family: drawn, distinct, and the same on both ends of the API."""

import pytest

from gpool import errors
from gpool.errors import GpoolError, from_problem

FAMILY = [getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)]


@pytest.mark.parametrize("kind", FAMILY)
def test_every_error_survives_the_journey_through_a_problem(kind: type[GpoolError]) -> None:
    sent = kind("lease l-2 is gone; ask for another")
    received = from_problem(sent.to_problem())
    assert type(received) is kind
    assert str(received) == str(sent)


@pytest.mark.parametrize("kind", FAMILY)
def test_the_drawing_shows_every_error_with_its_status_and_slug(kind: type[GpoolError]) -> None:
    lines = [line.split() for line in (errors.__doc__ or "").splitlines()]
    drawn = next(words for words in lines if kind.__name__ in words)
    at = drawn.index(kind.__name__)
    assert drawn[at + 1 : at + 3] == [str(kind.http_status), kind.slug]


def test_no_two_errors_share_a_slug() -> None:
    slugs = [kind.slug for kind in FAMILY]
    assert len(set(slugs)) == len(slugs)


def test_a_problem_of_a_newer_version_is_still_told() -> None:
    assert str(from_problem({"type": "urn:gpool:problem:from-the-future", "detail": "no"})) == "no"
    assert str(from_problem({"title": "Teapot"})) == "Teapot"
    assert str(from_problem({})) == "the controller gave no reason"
