"""`gpool apply`: queues, priority classes, calendars and settings from a file."""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import click

from gpool.cli.pool_options import pool_options
from gpool.errors import InvalidInput
from gpool.launch.api_client import ApiClient

__all__ = ["command"]

_LISTS = {"queues": "queue", "priority_classes": "priority class", "calendars": "calendar"}


@click.command("apply")
@click.option("-f", "--file", "file", metavar="FILE", required=True, help="YAML or TOML; - reads YAML from stdin.")
@click.option("--dry-run", is_flag=True, help="Only show what would change.")
@click.option("--prune", is_flag=True, help="Remove what the file does not name.")
@pool_options
def command(pool: ApiClient, file: str, dry_run: bool, prune: bool) -> None:
    """Make queues, priority classes, calendars and settings be as FILE says, all in one step.

    What the file does not name stays, unless --prune. Applying a file twice changes nothing the second time.

    \b
    gpool apply -f pool.yaml --dry-run
    gpool apply -f pool.yaml
    """
    wanted = _read(file)
    answer = pool.get("/policy")
    before = answer["policy"]
    merged = _merge(before, wanted, prune)
    # The controller fills in what the file leaves out, and refuses what makes no sense.
    update = {"policy": merged, "revision": answer["revision"], "dry_run": True}
    after = pool.put("/policy", update)["policy"]
    lines = _differences(before, after)
    for line in lines:
        click.echo(line)
    if not lines:
        click.echo("nothing changes: the pool is as the file says")
    elif dry_run:
        click.echo(f"{len(lines)} would change; nothing has been changed (--dry-run)")
    else:
        pool.put("/policy", {**update, "dry_run": False})
        click.echo(f"{len(lines)} changed")


def _read(file: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise InvalidInput(f"cannot read {file} ({error.strerror}); check --file") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{file} is not text in UTF-8; check --file") from error
    try:
        value = tomllib.loads(text) if file.endswith(".toml") else _yaml(text)
    except ValueError as error:
        raise InvalidInput(f"{file} cannot be understood: {error}") from error
    value = {} if value is None else value
    if not isinstance(value, dict):
        raise InvalidInput(f"{file} does not hold a table of queues and the like; see `gpool apply --help`")
    unknown = sorted(set(value) - {*_LISTS, "settings"})
    if unknown:
        raise InvalidInput(f"{file} says something of '{unknown[0]}'; it may be about {', '.join(_LISTS)} and settings")
    for key, noun in _LISTS.items():
        entries = value.get(key) or []
        if not isinstance(entries, list) or not all(isinstance(one, dict) and "name" in one for one in entries):
            raise InvalidInput(f"{file}: {key} is not a list in which each {noun} has a name")
        value[key] = entries
    if not isinstance(value.get("settings") or {}, dict):
        raise InvalidInput(f"{file}: settings is not a table")
    return value


def _yaml(text: str) -> Any:
    import yaml  # type: ignore[import-untyped]

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error


def _merge(before: dict[str, Any], wanted: dict[str, Any], prune: bool) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for key in _LISTS:
        named = {one["name"] for one in wanted[key]}
        merged[key] = [] if prune else [one for one in before[key] if one["name"] not in named]
        merged[key] += wanted[key]
    merged["settings"] = {**({} if prune else before["settings"]), **(wanted.get("settings") or {})}
    return merged


def _differences(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    lines = []
    for key, noun in _LISTS.items():
        were, are = ({one["name"]: one for one in policy[key]} for policy in (before, after))
        for name in sorted(were.keys() | are.keys()):
            if name not in are:
                lines.append(f"- {noun} {name}")
            elif name not in were:
                lines.append(f"+ {noun} {name}{_fields({}, are[name])}")
            elif were[name] != are[name]:
                lines.append(f"~ {noun} {name}{_fields(were[name], are[name])}")
    if before["settings"] != after["settings"]:
        lines.append(f"~ settings{_fields(before['settings'], after['settings'])}")
    return lines


def _fields(was: dict[str, Any], now: dict[str, Any]) -> str:
    told = []
    for key, value in now.items():
        if key == "name" or value == was.get(key) or (not was and value in (None, [], {})):
            continue
        old = f"{_value(was[key])} → " if key in was else ""
        told.append(f"{key} {old}{_value(value)}")
    return ": " + ", ".join(told) if told else ""


def _value(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, (int, float)) else value if isinstance(value, str) else json.dumps(value)
