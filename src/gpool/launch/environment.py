"""The environment of a command that runs on a lease."""

from __future__ import annotations

import os
from collections.abc import Mapping

__all__ = ["command_environment"]

# They name the devices, or the way to them, of somewhere else than the lease.
REMOVED = ("CUDA_VISIBLE_DEVICES", "GPOOL_ENDPOINTS")


def command_environment(
    inherited: Mapping[str, str], *, client_folder: str, broker: str, lease_id: str | None
) -> dict[str, str]:
    """`inherited` with our driver in front: `client_folder` holds `libcuda.so.1` and `libnvidia-ml.so.1`.

    `lease_id`: None while there is no lease yet. Triton looks for libcuda with ldconfig unless TRITON_LIBCUDA_PATH
    tells it a folder.
    """
    environment = {name: value for name, value in inherited.items() if name not in REMOVED}
    behind = environment.get("LD_LIBRARY_PATH", "")
    # An empty word in LD_LIBRARY_PATH means the current folder, so nothing may be joined to nothing.
    environment["LD_LIBRARY_PATH"] = os.pathsep.join([client_folder, behind] if behind else [client_folder])
    environment["TRITON_LIBCUDA_PATH"] = client_folder
    environment["GPOOL_BROKER"] = broker
    environment.pop("GPOOL_LEASE", None)
    if lease_id is not None:
        environment["GPOOL_LEASE"] = lease_id
    return environment
