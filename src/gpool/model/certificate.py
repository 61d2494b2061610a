"""Certificates."""

from dataclasses import dataclass, field

__all__ = ["Certified"]


@dataclass(frozen=True, slots=True)
class Certified:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str = field(repr=False)
