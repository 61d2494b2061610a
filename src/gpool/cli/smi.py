"""`gpool smi`: GPUs, the vGPUs and processes on them, and what they use."""

from __future__ import annotations

from typing import Any

import click

from gpool.cli.pool_options import echo_json, echo_table, json_option, pool_options
from gpool.launch.api_client import ApiClient
from gpool.model.sizes import format_bytes

__all__ = ["command"]


_PROCESS_COLUMNS = [
    ("LEASE", "left"),
    ("OWNER", "left"),
    ("NODE", "left"),
    ("GPU", "left"),
    ("HOST", "left"),
    ("PID", "right"),
    ("MEMORY", "right"),
    ("BUSY", "right"),
    ("COMMAND", "left"),
]


@click.command()
@click.option("--node", metavar="NAME", help="Only GPUs of this node.")
@json_option
@pool_options
def command(pool: ApiClient, node: str | None, as_json: bool) -> None:
    """Show the GPUs of the pool, the vGPUs that leases have on them, and the processes that use them.

    Busy is the part of the last second in which work was under way, for a GPU whoever caused it. Nodes report every
    few seconds.

    \b
    gpool smi
    gpool smi --json | jq '.[].memory_used_bytes'
    """
    if node is not None:
        pool.get(f"/nodes/{pool.segment(node)}")  # an unknown name is an error, not an empty table
    gpus = [gpu for gpu in pool.get("/gpus") if node in (None, gpu["node"])]
    if as_json:
        echo_json(gpus)
        return
    columns = [
        ("NODE", "left"),
        ("GPU", "left"),
        ("NAME", "left"),
        ("MEMORY USED / OF", "right"),
        ("COMPUTE", "right"),
        ("HOLDER", "left"),
    ]
    rows = [row for gpu in gpus for row in _rows(gpu)]
    echo_table(columns, rows, empty="the pool has no GPU yet; `gpool node ls` shows its nodes")
    processes = [row for gpu in gpus for row in _process_rows(gpu)]
    if processes:
        echo_table(_PROCESS_COLUMNS, processes, empty="")


def _rows(gpu: dict[str, Any]) -> list[list[str]]:
    busy = gpu["compute_busy_permille"]
    state = gpu["node_state"]
    if state == "ready":
        state = "in use" if gpu["vgpus"] else "free"
    if gpu.get("out"):
        state = f"out: {gpu['out']['reason'] or 'by ' + gpu['out']['by']}"
    rows = [
        [
            gpu["node"],
            f"{gpu['index']}",
            gpu["name"],
            _memory(gpu),
            "-" if busy is None else f"{busy / 10:.0f}% busy",
            state,
        ]
    ]
    for vgpu in gpu["vgpus"]:
        compute = f"{vgpu['compute_permille'] / 10:g}%"
        rows.append(["", "", f"└ {vgpu['lease']} vGPU {vgpu['ordinal']}", _memory(vgpu), compute, vgpu["owner"]])
    return rows


def _process_rows(gpu: dict[str, Any]) -> list[list[str]]:
    return [
        [
            one["lease"],
            one["owner"],
            gpu["node"],
            f"{gpu['index']}",
            one["host"] or "-",
            "-" if one["pid"] is None else f"{one['pid']}",
            format_bytes(one["memory_used_bytes"]),
            f"{one['compute_busy_permille'] / 10:.0f}%",
            one["command"],
        ]
        for one in gpu["processes"]
    ]


def _memory(device: dict[str, Any]) -> str:
    return f"{format_bytes(device['memory_used_bytes'])} / {format_bytes(device['memory_bytes'])}"
