"""`gpool ps`: leases and the programs that use them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from gpool.cli.pool_options import ago, echo_json, echo_table, json_option, pool_options
from gpool.launch.api_client import ApiClient
from gpool.model.sizes import format_bytes

__all__ = ["command"]

LONGEST_COMMAND = 60


@click.command()
@click.option("--all", "also_ended", is_flag=True, help="Also leases that have ended.")
@click.option("--watch", is_flag=True, help="Then write a line for every change, until ^C.")
@json_option
@pool_options
def command(pool: ApiClient, also_ended: bool, watch: bool, as_json: bool) -> None:
    """List leases: who holds them, what they are, what runs on them and for how long.

    \b
    gpool ps
    gpool ps --all --json
    gpool ps --watch
    """
    if watch:
        _watch(pool, as_json)
        return
    leases = pool.get("/leases")
    if also_ended:
        known = {lease["id"] for lease in leases}
        leases += [lease for lease in pool.get("/leases", state="ended") if lease["id"] not in known]
    else:
        leases = [lease for lease in leases if lease["state"] != "ended"]
    if as_json:
        echo_json(leases)
        return
    columns = [
        ("LEASE", "left"),
        ("STATE", "left"),
        ("OWNER", "left"),
        ("VGPUS", "left"),
        ("WHERE", "left"),
        ("SESSIONS", "right"),
        ("SINCE", "right"),
        ("COMMAND", "left"),
    ]
    echo_table(columns, (_row(lease) for lease in leases), empty="no leases; `gpool run -- CMD` makes one")


def _watch(pool: ApiClient, as_json: bool) -> None:
    """One line for each lease as it is, then one for each change."""
    for kind, _, lease in pool.watch(kind="lease"):
        if kind != "lease":
            continue
        if as_json:
            click.echo(json.dumps(lease))
        else:
            _, state, owner, vgpus, where, _, _, command_line = _row(lease)
            click.echo(
                f"{datetime.now():%H:%M:%S}  {lease['id']}  {state:7}  {owner}  {vgpus}  {where}  {command_line}"
            )


def _row(lease: dict[str, Any]) -> list[str]:
    request = lease["request"]
    size = "whole GPU" if request["memory_bytes"] is None else format_bytes(request["memory_bytes"])
    if request["compute_permille"] < 1000:
        size += f", {request['compute_permille'] / 10:g}%"
    where = ", ".join(dict.fromkeys(vgpu["node"] for vgpu in lease["vgpus"])) or "-"
    command_line = request["command"].replace("\n", " ")
    if len(command_line) > LONGEST_COMMAND:
        command_line = command_line[: LONGEST_COMMAND - 1] + "…"
    if lease["state"] in ("pending", "ended") and lease.get("reason"):
        command_line += f"  ({lease['reason']})"
    return [
        lease["id"],
        lease["state"],
        lease["owner"],
        f"{request['vgpus']} × {size}",
        where,
        str(len(lease["sessions"])),
        ago(lease["ended_at"] or lease["granted_at"] or lease["created_at"]),
        command_line,
    ]
