"""The version of gpool, and of the protocols between its parts."""

__all__ = ["VERSION"]

VERSION = "0.1.0"
