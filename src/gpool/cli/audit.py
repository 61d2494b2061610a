"""`gpool audit`: who did what to the pool."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from gpool.cli.pool_options import echo_json, echo_table, json_option, pool_options
from gpool.launch.api_client import ApiClient

__all__ = ["command"]


@click.command()
@click.option("--actor", metavar="NAME", help="Only what the bearer of tokens of this name did.")
@click.option("--action", metavar="ACTION", help="Only this: `node.drain`; or all of a kind: `node`.")
@click.option("--object", "subject", metavar="ID", help="Only what was done to this lease, node, GPU, token, ….")
@click.option("--last", type=click.IntRange(1), default=50, metavar="N", help="How many entries. [50]")
@json_option
@pool_options
def command(
    pool: ApiClient, actor: str | None, action: str | None, subject: str | None, last: int, as_json: bool
) -> None:
    """Show who did what to the pool, newest first. Only an administrator may.

    \b
    gpool audit
    gpool audit --action node --last 10
    gpool audit --object l-7k3m9q --json
    """
    entries = pool.get("/audit", most=last, actor=actor, action=action, object=subject)
    if as_json:
        echo_json(entries)
        return
    columns = [("WHEN (UTC)", "left"), ("WHO", "left"), ("FROM", "left"), ("DID", "left"), ("TO", "left")]
    echo_table([*columns, ("CHANGE", "left")], (_row(entry) for entry in entries), empty="nothing was done")


def _row(entry: dict[str, Any]) -> list[str]:
    before, after = entry["before"], entry["after"]
    change = f"{before} → {after}" if before and after else after or (f"{before} → -" if before else "")
    when = datetime.fromisoformat(entry["at"])
    return [f"{when:%Y-%m-%d %H:%M:%S}", entry["actor"], entry["remote"], entry["action"], entry["object"], change]
