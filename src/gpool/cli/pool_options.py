"""What the commands that ask the controller have in common: their options, their tables, their JSON."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import click

from gpool.launch.client_settings import client_from

UNBOUNDED = 500

__all__ = ["ago", "echo_json", "echo_table", "json_option", "pool_options"]


def pool_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """`--api` and `--token`, handed to the command together as `pool`, an `ApiClient`."""

    @functools.wraps(function)
    def command(*arguments: Any, api: str | None, token: str | None, **options: Any) -> Any:
        return function(*arguments, pool=client_from(api, token), **options)

    who = click.option("--token", metavar="TOKEN", help="Who you are. [GPOOL_TOKEN, then client.toml]")
    where = click.option(
        "--api",
        metavar="URL[,URL…]",
        help="Address of the controller, or of several that share a pool. [GPOOL_API, then client.toml]",
    )
    return where(who(command))


json_option = click.option("--json", "as_json", is_flag=True, help="JSON, as the API gives it.")


def echo_json(value: Any) -> None:
    """Write `value` for programs."""
    click.echo(json.dumps(value, indent=2))


def echo_table(columns: Iterable[tuple[str, str]], rows: Iterable[Iterable[str]], *, empty: str) -> None:
    """Write a table for people. columns: title and `left` or `right`. empty: what to say when there are no rows."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    if not listed:
        click.echo(empty)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title, side in columns:
        # A column that is cut hides ids that the user wants to copy; a long line only wraps.
        table.add_column(title, justify="right" if side == "right" else "left", overflow="fold")
    for row in listed:
        table.add_row(*(Text(cell) for cell in row))  # Text: a name may look like rich's markup
    # Into a pipe or file there is no width to keep to.
    Console(highlight=False, width=None if sys.stdout.isatty() else UNBOUNDED).print(table)


def ago(instant: str | None, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 instant is, for people: `12 s`, `5 min`, `3 h`, `2 d`."""
    if not instant:
        return "-"
    seconds = max(0.0, ((now or datetime.now(UTC)) - datetime.fromisoformat(instant)).total_seconds())
    for unit, length_s, most_s in (("s", 1, 120), ("min", 60, 7200), ("h", 3600, 172_800)):
        if seconds < most_s:
            return f"{seconds / length_s:.0f} {unit}"
    return f"{seconds / 86_400:.0f} d"
