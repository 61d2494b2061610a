"""`gpool up`: a pool on this machine, in the background."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from gpool.local.pool import RunningPool

__all__ = ["command"]


@click.command()
@click.option("--emulate", type=int, metavar="N", help="N emulated GPUs on each node instead of the machine's own.")
@click.option("--emulate-memory", metavar="SIZE", help="Memory of each emulated GPU. [8GiB]")
@click.option("--nodes", type=int, metavar="N", help="How many nodes; more than one needs --emulate. [1]")
@click.option("--port", type=click.IntRange(0, 65535), metavar="P", help="Port of the API on 127.0.0.1; 0: any. [7070]")
def command(emulate: int | None, emulate_memory: str | None, nodes: int | None, port: int | None) -> None:
    """Start a pool on this machine, in the background: a controller, and an agent for each node.

    It offers the machine's NVIDIA GPUs, or emulated ones. When it runs already, this shows where. State and logs are in
    ~/.local/state/gpool.

    \b
    gpool up
    gpool up --emulate 1 --emulate-memory 2GiB --nodes 2
    """
    from gpool.local.pool import LocalPool, PoolSettings
    from gpool.model.sizes import parse_memory_bytes

    memory_bytes = None if emulate_memory is None else parse_memory_bytes(emulate_memory)
    click.echo(_text(LocalPool().up(PoolSettings(emulate, memory_bytes, nodes, port))))


def _text(pool: RunningPool) -> str:
    from gpool.model.sizes import format_bytes

    lines = ["The pool is running on this machine already." if pool.already else "The pool is running on this machine."]
    lines.append(f"  API      {pool.api}")
    for node in pool.nodes:
        gpus = ", ".join(f"{gpu['name']} {format_bytes(gpu['memory_bytes'])}" for gpu in node["gpus"])
        lines.append(f"  Node     {node['name']}: {gpus or 'no GPU'}")
    lines.append(f"  Logs     {pool.logs}")
    if pool.client_file is not None:
        lines.append(f"  Client   {pool.client_file}")
    else:
        lines.append("  Client   your client.toml is about another pool and was left alone; to use this one:")
        lines.append(f"           export GPOOL_API={pool.api} GPOOL_TOKEN=$(cat {pool.token_file})")
    lines += ["", "Go on with:", "  gpool run -- python train.py    run a program on a GPU", "  gpool smi"]
    return "\n".join([*lines, "  gpool down                      stop the pool"])
