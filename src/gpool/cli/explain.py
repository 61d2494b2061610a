"""`gpool explain`: why a lease waits."""

from __future__ import annotations

from typing import Any

import click

from gpool.cli.pool_options import ago, echo_json, json_option, pool_options
from gpool.launch.api_client import ApiClient

__all__ = ["command"]

_SHOWN = 5


@click.command()
@click.argument("lease")
@json_option
@pool_options
def command(pool: ApiClient, lease: str, as_json: bool) -> None:
    """Say why LEASE waits: what is missing, who has it, who comes first, and what has happened to it; what would have
    to change so that it is placed now, and when it is expected to start.

    \b
    gpool explain l-7k3m9q
    """
    found = pool.get(f"/leases/{pool.segment(lease)}/explain")
    if as_json:
        echo_json(found)
        return
    state, queue = found["lease"]["state"], found["lease"]["queue"]
    lines = [f"lease {lease} is {state}, in queue {queue}: {found['reason']}"]
    if state == "pending":
        count = len(found["ahead"])
        lines.append(f"{count} before it in its queue" + (f": {_some(found['ahead'])}" if count else ""))
        lines.append(
            f"GPUs in reach {found['gpus_in_reach']}, large enough {found['gpus_large_enough']}, "
            f"free for it {found['gpus_free_for_it']}"
        )
        for holder in found["holders"][:_SHOWN]:
            ends = "may be ended for others" if holder["preemptible"] else "is never ended for others"
            lines.append(f"  {holder['lease']} of {holder['owner']} has {holder['gpus']}, in {holder['queue']}, {ends}")
        if len(found["holders"]) > _SHOWN:
            lines.append(f"  and {len(found['holders']) - _SHOWN} more")
        if found["changes"]:
            lines.append("it would be placed now")
            lines += [f"  {change['sentence']}" for change in found["changes"]]
        lines.append(_expected(found["forecast"]))
    lines += [f"{ago(event['at']):>8} ago  {event['type']}: {event['message']}" for event in found["events"]]
    click.echo("\n".join(lines))


def _expected(forecast: dict[str, Any] | None) -> str:
    if forecast is None or forecast["expected_at"] is None:
        return f"expected to start: unknown: {forecast['reason']}" if forecast else "expected to start: unknown"
    latest = forecast["latest_at"]
    by = f", by {latest[:16]}Z at the latest" if latest else ""
    return f"expected to start: about {forecast['expected_at'][:16]}Z{by} ({forecast['reason']})"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
