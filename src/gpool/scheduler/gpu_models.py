"""GPU models as people name them: `A100` is `NVIDIA A100-SXM4-80GB`, and so is `a100 80gb`."""

import re
from functools import lru_cache

__all__ = ["is_model"]

_WORD = re.compile(r"[a-z0-9.]+")


@lru_cache(maxsize=4096)
def is_model(wanted: str, name: str) -> bool:
    """Whether all words of `wanted` are words of the GPU's `name`; small and capital letters are the same.

    Words, not any part: an `A10` is no `A100`.
    """
    return _words(wanted) <= _words(name)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.lower()))
