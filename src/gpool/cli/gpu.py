"""`gpool gpu`: take GPUs out of the pool, and put them back."""

from __future__ import annotations

from typing import Any

import click

from gpool.cli.node_care import node_path, reason_option
from gpool.cli.pool_options import pool_options
from gpool.errors import UnknownGpu
from gpool.launch.api_client import ApiClient

__all__ = ["command"]


@click.group()
def command() -> None:
    """Take GPUs out of the pool and put them back. `gpool smi` shows them."""


@command.command("disable")
@click.argument("gpu")
@reason_option
@click.option("--end-leases", is_flag=True, help="End the leases on it; otherwise they go on.")
@pool_options
def disable(pool: ApiClient, gpu: str, reason: str, end_leases: bool) -> None:
    """Place nothing new on a GPU. GPU is its UUID, a unique beginning of it, or NODE/INDEX.

    \b
    gpool gpu disable node-a/0 --reason 'ECC errors, ticket 4711'
    """
    uuid = _uuid_of(pool, gpu)
    node = pool.post(f"/gpus/{pool.segment(uuid)}/disable", {"reason": reason, "end_leases": end_leases})
    there = next((view for view in node["gpu_views"] if view["uuid"] == uuid), None)
    vgpus = len(there["vgpus"]) if there else 0
    left = f"; {vgpus} vGPU{'s' * (vgpus != 1)} still on it" if vgpus else ""
    click.echo(f"GPU {uuid} of node {node['name']} is out{left}")


@command.command("enable")
@click.argument("gpu")
@pool_options
def enable(pool: ApiClient, gpu: str) -> None:
    """Put a GPU back. A new fault takes it out again; those that are known do not."""
    uuid = _uuid_of(pool, gpu)
    node = pool.post(f"/gpus/{pool.segment(uuid)}/enable")
    click.echo(f"GPU {uuid} of node {node['name']} is back")


def _uuid_of(pool: ApiClient, text: str) -> str:
    """The UUID that `text` means. Raises `UnknownGpu` when that is none or several, and `UnknownNode`."""
    name, slash, index = text.rpartition("/")
    if slash:
        node: dict[str, Any] = pool.get(node_path(pool, name))
        found = [gpu["uuid"] for gpu in node["gpus"] if str(gpu["index"]) == index]
    else:
        nodes = pool.get("/nodes")
        known = {gpu["uuid"] for node in nodes for gpu in node["gpus"]}
        known |= {out["gpu_uuid"] for node in nodes for out in node.get("gpus_out", ())}
        found = [text] if text in known else [uuid for uuid in known if uuid.startswith(text)]
    if len(found) != 1:
        how = "is the beginning of several UUIDs" if found else "is no GPU of this pool"
        raise UnknownGpu(f"'{text}' {how}; `gpool smi` shows NODE and GPU, to be written NODE/GPU")
    return str(found[0])
