"""`gpool what-if`: what the pool would do with a request."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from gpool.cli.pool_options import echo_json, echo_table, json_option, pool_options
from gpool.cli.request_options import request_options
from gpool.launch.api_client import ApiClient
from gpool.launch.asking import Wish

__all__ = ["command"]


@click.command("what-if")
@request_options
@json_option
@pool_options
def command(pool: ApiClient, wish: Wish, as_json: bool) -> None:
    """Say what would become of a request now, without making it: takes the options of `gpool run`.

    Where it would be, who would have to give way, how long it would wait; and the same of requests that are a little
    different. Nothing is changed, and nothing is kept for you.

    \b
    gpool what-if --gpus 8 --scope node
    gpool what-if -f request.toml --json
    """
    found = pool.post("/what-if", {"request": wish.request})
    if as_json:
        echo_json(found)
        return
    asked = found["asked"]
    click.echo(f"{asked['wish']}: {_fate(asked)}")
    click.echo(f"  {asked['reason']}")
    for one in asked["gives_way"]:
        click.echo(
            f"  {one['lease']} of {one['owner']} in queue {one['queue']} would have to give way: {one['reason']}; "
            f"it has had {one['gpu_seconds'] / 3600:.1f} GPU hours"
        )
    rows = ([one["change"], _fate(one["outcome"])] for one in found["variants"])
    click.echo()
    echo_table([("OR", "left"), ("", "left")], rows, empty="there is nothing a little different to ask for")


def _fate(outcome: dict[str, Any]) -> str:
    """In a few words."""
    nodes: dict[str, int] = {}
    for place in outcome["places"]:
        nodes[place["node"]] = nodes.get(place["node"], 0) + 1
    where = ", ".join(f"{node} ({count})" for node, count in nodes.items())
    starts = outcome["starts_at"]
    wait = "" if starts is None else _in(starts)
    ahead = f", behind {outcome['ahead']}" if outcome["ahead"] else ""
    match outcome["verdict"]:
        case "now":
            return f"now, on {where}"
        case "after-evictions":
            count = len(outcome["gives_way"])
            who = "" if not count else f", when {count} lease{'s' * (count != 1)} gave way"
            return f"{wait or 'later'} on {where}{who}"
        case "waits":
            return f"waits{ahead}; " + (f"expected {wait}" if wait else "nobody knows how long")
        case _:
            return "never in this pool"


def _in(instant: str) -> str:
    seconds = max(0.0, (datetime.fromisoformat(instant) - datetime.now(UTC)).total_seconds())
    if seconds < 120:
        return f"in {seconds:.0f} s"
    return f"in {seconds / 60:.0f} min" if seconds < 7200 else f"in {seconds / 3600:.1f} h"
