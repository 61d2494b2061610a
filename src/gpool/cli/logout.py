"""`gpool logout`."""

from gpool.cli.login import logout as command

__all__ = ["command"]
