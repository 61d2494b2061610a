"""gpool: GPUs of many machines as one pool.

In Python: `gpool.acquire(gpus=2)` before CUDA is first used, and `%load_ext gpool` in a notebook. On the path of
`gpool run`: nothing is imported before it is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from gpool.sdk.acquire import AcquiredLease as AcquiredLease
    from gpool.sdk.acquire import acquire as acquire

__all__ = ["AcquiredLease", "acquire"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'gpool' has no attribute {name!r}")
    import gpool.sdk.acquire

    return getattr(gpool.sdk.acquire, name)


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext gpool` calls."""
    from gpool.sdk.notebook import register

    register(shell)
