"""`gpool queue`: who shares the pool, and what each has of it."""

from __future__ import annotations

from typing import Any

import click

from gpool.cli.pool_options import echo_json, echo_table, json_option, pool_options
from gpool.errors import InvalidInput, UnknownQueue
from gpool.launch.api_client import ApiClient

__all__ = ["command"]


@click.group()
def command() -> None:
    """List, show, set and remove queues. Only an administrator may change them.

    \b
    gpool queue ls
    gpool queue set vision --guarantee 8 --limit 16
    gpool queue set vision-interns --parent vision --weight 0.5

    For calendars, members and more at once: gpool apply -f pool.yaml
    """


@command.command("ls")
@json_option
@pool_options
def list_queues(pool: ApiClient, as_json: bool) -> None:
    """List queues: what each may have, has and waits for, in GPUs."""
    views = pool.get("/queues")
    if as_json:
        echo_json(views)
        return
    depths: dict[str, int] = {}
    rows = []
    for view in views:
        settings = view["settings"]
        depths[settings["name"]] = depth = depths.get(settings["parent"], -1) + 1 if depths else 0
        rows.append(_row(view, depth))
    columns = [
        ("QUEUE", "left"),
        ("GUARANTEE", "right"),
        ("LIMIT", "right"),
        ("WEIGHT", "right"),
        ("USED", "right"),
        ("BORROWED", "right"),
        ("LEASES", "right"),
        ("WAITING", "right"),
        ("NOW", "left"),
    ]
    echo_table(columns, rows, empty="no queues")


@command.command("show")
@click.argument("name")
@json_option
@pool_options
def show(pool: ApiClient, name: str, as_json: bool) -> None:
    """Show one queue, with its users where they share it."""
    view = pool.get(f"/queues/{pool.segment(name)}")
    if as_json:
        echo_json(view)
        return
    settings = view["settings"]
    lines = [
        f"queue {settings['name']}" + (f", below {settings['parent']}" if name != "pool" else ""),
        f"guaranteed {view['guarantee_gpus']:g} GPUs, at most {_limit(view)}, weight {view['weight']:g}"
        + (f" (now: {view['period']})" if view["period"] else ""),
        f"uses {view['used_gpus']:g} of the pool's {view['pool_gpus']:g} GPUs, "
        f"{view['borrowed_gpus']:g} of them borrowed; {view['average_gpus']:g} over time",
        f"{view['leases']} leases hold GPUs, {view['waiting']} requests wait",
    ]
    if settings["members"]:
        lines.append(f"for {', '.join(settings['members'])}")
    if view["below"]:
        lines.append(f"below it: {', '.join(view['below'])}")
    lines += [f"  {use['user']} uses {use['used_gpus']:g}, {use['waiting']} wait" for use in view["users"]]
    click.echo("\n".join(lines))


@command.command("set")
@click.argument("name")
@click.option("--parent", metavar="QUEUE", help="The queue that it is below; pool for none.")
@click.option("--guarantee", type=float, metavar="GPUS", help="It can have so much whenever it wants.")
@click.option("--limit", metavar="GPUS", help="It never gets more; none for no limit.")
@click.option("--weight", type=float, metavar="W", help="Its part of what nobody is guaranteed or uses; 0: none.")
@json_option
@pool_options
def set_queue(
    pool: ApiClient,
    name: str,
    parent: str | None,
    guarantee: float | None,
    limit: str | None,
    weight: float | None,
    as_json: bool,
) -> None:
    """Make the queue NAME, or change what is said of it and leave the rest."""
    try:
        settings = pool.get(f"/queues/{pool.segment(name)}")["settings"]
    except UnknownQueue:
        settings = {"name": name}
    said = {"parent": parent, "guarantee": guarantee, "weight": weight}
    settings |= {key: value for key, value in said.items() if value is not None}
    if limit is not None:
        settings["limit"] = None if limit == "none" else _number(limit)
    view = pool.put(f"/queues/{pool.segment(name)}", settings)
    if as_json:
        echo_json(view)
        return
    click.echo(f"queue {name} is guaranteed {view['guarantee_gpus']:g} GPUs and gets at most {_limit(view)}")


@command.command("rm")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@pool_options
def remove(pool: ApiClient, names: tuple[str, ...]) -> None:
    """Remove queues; refused while one has leases, or queues below it."""
    for name in names:
        pool.delete(f"/queues/{pool.segment(name)}")
        click.echo(f"queue {name} is removed")


def _row(view: dict[str, Any], depth: int) -> list[str]:
    return [
        "  " * depth + view["settings"]["name"],
        f"{view['guarantee_gpus']:g}",
        _limit(view),
        f"{view['weight']:g}",
        f"{view['used_gpus']:g}",
        f"{view['borrowed_gpus']:g}",
        str(view["leases"]),
        str(view["waiting"]),
        view["period"] or "",
    ]


def _limit(view: dict[str, Any]) -> str:
    return f"{view['pool_gpus'] if view['limit_gpus'] is None else view['limit_gpus']:g}"


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidInput(f"--limit {text} is no number of GPUs; write such as 16, or none") from None
