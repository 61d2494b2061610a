"""`gpool token`: tokens for users, administrators and nodes."""

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
    type=click.Choice(["user", "node", "admin"]),
    default="user",
    help="What its bearer may do: use GPUs, be an agent, everything. [user]",
)
@click.option("--expires", metavar="T", help="When it stops being good: 12h, 30d. Without it: never.")
@click.option("--queue", metavar="NAME", help="Queue of its requests that name none. [the whole pool]")
@json_option
@pool_options
def create(pool: ApiClient, name: str, role: str, expires: str | None, queue: str | None, as_json: bool) -> None:
    """Make a token called NAME and show it, this one time.

    \b
    gpool token create alice
    gpool token create --role node node-7 --expires 1d
    """
    lifetime_s = None if expires is None else parse_duration_s(expires)
    created = pool.post("/tokens", {"name": name, "role": role, "expires_in_s": lifetime_s, "queue": queue})
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
    columns = [("TOKEN", "left"), ("NAME", "left"), ("ROLE", "left"), ("AGE", "right"), ("STATE", "left")]
    echo_table(columns, (_row(token) for token in tokens), empty="no tokens")


@command.command("revoke")
@click.argument("tokens", metavar="TOKEN...", nargs=-1, required=True)
@pool_options
def revoke(pool: ApiClient, tokens: tuple[str, ...]) -> None:
    """Take tokens back, by the ids that `gpool token ls` shows. Leases that they asked for live on."""
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
    return [token["id"], token["name"], token["role"], ago(token["created_at"]), state]
