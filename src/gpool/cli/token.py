"""`gpool token`: tokens for users, operators, administrators and nodes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import click

from gpool.cli.pool_options import ago, echo_json, echo_table, json_option, pool_options
from gpool.launch.api_client import ApiClient
from gpool.launch.durations import parse_duration_s

__all__ = ["command"]


@click.group()
def command() -> None:
    """Make, list and revoke tokens. Only an administrator may."""


@command.command("create")
@click.argument("name")
@click.option(
    "--role",
    type=click.Choice(["user", "operator", "admin", "node"]),
    default="user",
    help="What its bearer may do: use GPUs; also keep nodes and leases in order; everything; be an agent. [user]",
)
@click.option("--expires", metavar="T", help="When it stops being good: 12h, 30d. Without it: never.")
@click.option("--queue", metavar="NAME", help="Queue of its requests that name none. [the whole pool]")
@click.option("--queue-only", is_flag=True, help="Good for that queue, and those below it, alone.")
@click.option(
    "--may",
    metavar="ACTION,…",
    help="Of what its role allows, only this: view, lease, evict, nodes, policy, tokens. [all]",
)
@click.option("--node", metavar="NAME", help="Of a node's token: good for the agent of that name alone. [any]")
@click.option("--read-only", is_flag=True, help="Short for `--may view`.")
@json_option
@pool_options
def create(
    pool: ApiClient,
    name: str,
    role: str,
    expires: str | None,
    queue: str | None,
    queue_only: bool,
    may: str | None,
    node: str | None,
    read_only: bool,
    as_json: bool,
) -> None:
    """Make a token called NAME and show it, this one time.

    A lease belongs to the NAME that asked for it: two tokens of one NAME are the same person to the pool.

    \b
    gpool token create alice --expires 90d
    gpool token create ci --queue nightly --queue-only --expires 30d
    gpool token create grafana --read-only
    gpool token create --role node --node node-7 node-7
    """
    if read_only and may is not None:
        raise click.UsageError("--read-only is --may view; give one of them", click.get_current_context())
    actions = ["view"] if read_only else None if may is None else [word.strip() for word in may.split(",")]
    wanted = {
        "name": name,
        "role": role,
        "expires_in_s": None if expires is None else parse_duration_s(expires),
        "queue": queue,
        "queue_only": queue_only,
        "actions": actions,
        "node": node,
    }
    # What a controller of the version before does not know is sent to none that need not know it.
    created = pool.post("/tokens", {key: value for key, value in wanted.items() if value not in (None, False)})
    if as_json:
        echo_json(created)
        return
    click.echo(created["secret"])
    click.echo(
        f"token {created['token']['id']} for {role} {name}; it is not shown again. "
        "Use it as GPOOL_TOKEN or with --token.",
        err=True,
    )


@command.command("ls")
@json_option
@pool_options
def list_tokens(pool: ApiClient, as_json: bool) -> None:
    """List tokens: never their text."""
    tokens = pool.get("/tokens")
    if as_json:
        echo_json(tokens)
        return
    columns = [
        ("TOKEN", "left"),
        ("NAME", "left"),
        ("ROLE", "left"),
        ("SCOPE", "left"),
        ("AGE", "right"),
        ("STATE", "left"),
    ]
    echo_table(columns, (_row(token) for token in tokens), empty="no tokens")


@command.command("revoke")
@click.argument("tokens", metavar="TOKEN...", nargs=-1, required=True)
@pool_options
def revoke(pool: ApiClient, tokens: tuple[str, ...]) -> None:
    """Take tokens back, by the ids that `gpool token ls` shows.

    They are refused from the next request on. Leases that are renewed with them end when they are not renewed any more.
    """
    for token in tokens:
        pool.delete(f"/tokens/{pool.segment(token)}")
        click.echo(f"token {token} is revoked")


def _row(token: dict[str, Any]) -> list[str]:
    state = "good"
    if token["revoked_at"]:
        state = f"revoked {ago(token['revoked_at'])} ago"
    elif token["expires_at"]:
        expires = datetime.fromisoformat(token["expires_at"])
        state = f"expires {expires:%Y-%m-%d %H:%M} UTC" if expires > datetime.now(UTC) else "expired"
    return [token["id"], token["name"], token["role"], _scope(token), ago(token["created_at"]), state]


def _scope(token: dict[str, Any]) -> str:
    words = [",".join(token["actions"])] if token.get("actions") else []
    if token.get("queue_only"):
        words.append(f"in {token['queue']} only")
    elif token.get("queue"):
        words.append(f"in {token['queue']}")
    if token.get("node"):
        words.append(f"node {token['node']}")
    return "; ".join(words) or "-"
