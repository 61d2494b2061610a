"""Fixtures of these tests."""

from stage.fixtures import stage

__all__ = ["stage"]
