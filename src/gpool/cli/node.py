"""`gpool node`: the nodes of the pool."""

from __future__ import annotations

from typing import Any

import click

from gpool.cli.node_care import CARE_COMMANDS, standing
from gpool.cli.pool_options import ago, echo_json, echo_table, json_option, pool_options
from gpool.launch.api_client import ApiClient
from gpool.model.sizes import format_bytes

__all__ = ["command"]


@click.group()
def command() -> None:
    """The nodes of the pool."""


for care in CARE_COMMANDS:
    command.add_command(care)


@command.command("ls")
@json_option
@pool_options
def list_nodes(pool: ApiClient, as_json: bool) -> None:
    """List the nodes, their GPUs and whether they are ready.

    \b
    gpool node ls
    gpool node ls --json
    """
    nodes = pool.get("/nodes")
    if as_json:
        echo_json(nodes)
        return
    columns = [
        ("NODE", "left"),
        ("STATE", "left"),
        ("SINCE", "right"),
        ("GPUS", "left"),
        ("OUT", "right"),
        ("VGPUS", "right"),
        ("SESSIONS", "right"),
        ("DATA ADDRESS", "left"),
        ("VERSION", "left"),
        ("LABELS AND TAINTS", "left"),
    ]
    empty = "the pool has no node yet; start one with `gpool agent --join URL --token TOKEN`"
    echo_table(columns, (_row(node) for node in nodes), empty=empty)


def _row(node: dict[str, Any]) -> list[str]:
    kinds: dict[str, int] = {}
    for gpu in node["gpus"]:
        kind = f"{gpu['name']} {format_bytes(gpu['memory_bytes'])}"
        kinds[kind] = kinds.get(kind, 0) + 1
    return [
        node["name"],
        standing(node),
        ago(node["since"]),
        ", ".join(f"{count} × {kind}" for kind, count in kinds.items()) or "-",
        str(len(node.get("gpus_out", ())) or "-"),
        str(sum(len(gpu["vgpus"]) for gpu in node["gpu_views"])),
        str(len(node["sessions"])),
        node["tcp"] or "-",
        node["version"],
        " ".join([*_labels(node), *_taints(node)]) or "-",
    ]


def _labels(node: dict[str, Any]) -> list[str]:
    return [f"{key}={value}" for key, value in node.get("labels", {}).items()]


def _taints(node: dict[str, Any]) -> list[str]:
    """`!key=value`: what keeps requests away."""
    return [f"!{one['key']}{'=' + one['value'] if one['value'] else ''}" for one in node.get("taints", ())]
