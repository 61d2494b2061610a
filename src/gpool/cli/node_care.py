"""Commands of `gpool node` that change something: labels, taints, cordon, drain, removal."""

from __future__ import annotations

import time
from typing import Any

import click

from gpool.cli.pool_options import pool_options
from gpool.errors import Conflict, InvalidInput, LeaseTimedOut
from gpool.launch.api_client import ApiClient
from gpool.launch.durations import parse_duration_s

__all__ = ["CARE_COMMANDS", "node_path", "standing"]

_LOOK_EVERY_S = 1.0

reason_option = click.option("--reason", default="", metavar="TEXT", help="Why; others see it.")


def node_path(pool: ApiClient, name: str) -> str:
    """The node's path in the API."""
    return f"/nodes/{pool.segment(name)}"


def standing(node: dict[str, Any]) -> str:
    """How a node stands: its state, and whether it is cordoned, draining or drained."""
    if node.get("drain"):
        how = f"draining ({_leases(node)})" if node["leases"] else "drained"
    elif node.get("cordon"):
        how = "cordoned"
    else:
        return str(node["state"])
    return how if node["state"] == "ready" else f"{node['state']}, {how}"


@click.command("label")
@click.argument("name")
@click.argument("labels", metavar="KEY=VALUE|KEY-...", nargs=-1, required=True)
@pool_options
def label(pool: ApiClient, name: str, labels: tuple[str, ...]) -> None:
    """Set labels of a node, for requests to choose by, or take them away.

    \b
    gpool node label node-a zone=east owner=vision
    gpool node label node-a owner-
    """
    changes: dict[str, str | None] = {}
    for text in labels:
        key, separator, value = text.partition("=")
        if separator and key:
            changes[key] = value
        elif key.endswith("-") and len(key) > 1:
            changes[key[:-1]] = None
        else:
            raise InvalidInput(f"'{text}' is no label; write KEY=VALUE to set one, KEY- to take it away")
    node = pool.patch(f"{node_path(pool, name)}/labels", {"labels": changes})
    click.echo(f"{name}: {_pairs(node['labels']) or 'no labels'}")


@click.command("taint")
@click.argument("name")
@click.argument("taints", metavar="KEY[=VALUE]:NoSchedule|KEY-...", nargs=-1, required=True)
@pool_options
def taint(pool: ApiClient, name: str, taints: tuple[str, ...]) -> None:
    """Keep requests away from a node that do not tolerate it, or stop that. What runs there goes on.

    \b
    gpool node taint node-a team=vision:NoSchedule
    gpool node taint node-a team-
    """
    add, remove = [], []
    for text in taints:
        pair, separator, effect = text.rpartition(":")
        if separator:
            key, _, value = pair.partition("=")
            add.append({"key": key, "value": value, "effect": effect})
        elif text.endswith("-") and len(text) > 1:
            remove.append(text[:-1])
        else:
            raise InvalidInput(f"'{text}' is no taint; write KEY=VALUE:NoSchedule to set one, KEY- to take it away")
    node = pool.patch(f"{node_path(pool, name)}/taints", {"add": add, "remove": remove})
    listed = [f"{one['key']}{'=' + one['value'] if one['value'] else ''}:{one['effect']}" for one in node["taints"]]
    click.echo(f"{name}: {' '.join(listed) or 'no taints'}")


@click.command("cordon")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@reason_option
@pool_options
def cordon(pool: ApiClient, names: tuple[str, ...], reason: str) -> None:
    """Place nothing new on nodes. What runs there goes on.

    \b
    gpool node cordon node-a --reason 'fan replaced on Monday'
    """
    for name in names:
        node = pool.post(f"{node_path(pool, name)}/cordon", {"reason": reason})
        click.echo(f"{name} is {standing(node)}; {_leases(node)} on it")


@click.command("uncordon")
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@pool_options
def uncordon(pool: ApiClient, names: tuple[str, ...]) -> None:
    """Let nodes take leases again. A drain ends with it."""
    for name in names:
        node = pool.post(f"{node_path(pool, name)}/uncordon")
        click.echo(f"{name} is {standing(node)}")


@click.command("drain")
@click.argument("name")
@reason_option
@click.option("--grace", metavar="T", help="End the leases that are left after so long: 10m. [wait for them]")
@click.option("--force", is_flag=True, help="End all its leases now.")
@click.option("--wait", is_flag=True, help="Return when the node is empty, and show meanwhile what still runs.")
@click.option("--timeout", metavar="T", help="With --wait: how long; then fail, while the drain goes on. [for ever]")
@click.option("--cancel", is_flag=True, help="Let the leases stay; a cordon from before the drain stays too.")
@pool_options
def drain(
    pool: ApiClient,
    name: str,
    reason: str,
    grace: str | None,
    force: bool,
    wait: bool,
    timeout: str | None,
    cancel: bool,
) -> None:
    """Empty a node: nothing new is placed there, and its leases are waited for, or ended after a grace.

    With --grace the holders are warned at once. The drain goes on when this command or the controller ends. Leases are
    not moved to other nodes: programs that must not be cut off need the time to finish.

    \b
    gpool node drain node-a --wait
    gpool node drain node-a --grace 10m --reason 'new power supply'
    gpool node drain node-a --cancel
    """
    path = node_path(pool, name)
    if cancel:
        if grace or force or wait or timeout or reason:
            raise InvalidInput("--cancel stands alone: it ends a drain, and the other options describe one")
        node = pool.delete(f"{path}/drain")
        click.echo(f"{name} is {standing(node)}")
        return
    if force and grace:
        raise InvalidInput("--force ends the leases now, --grace later; choose one")
    if timeout and not wait:
        raise InvalidInput("--timeout says how long --wait waits; add --wait")
    until_s = None if timeout is None else time.monotonic() + parse_duration_s(timeout)
    grace_s = 0 if force else None if grace is None else parse_duration_s(grace)
    node = pool.post(f"{path}/drain", {"reason": reason, "grace_s": grace_s})
    _show_draining(pool, node)
    if wait:
        _wait_until_empty(pool, node, until_s)


@click.command("rm")
@click.argument("name")
@click.option("--force", is_flag=True, help="Also while leases hold GPUs of it; they end at once.")
@pool_options
def remove(pool: ApiClient, name: str, force: bool) -> None:
    """Remove a node from the pool: its key is forgotten, and its token if it was made for it alone.

    Its agent ends, if it runs. A machine whose agent is started again joins as a new node.

    \b
    gpool node drain node-a --wait && gpool node rm node-a
    """
    pool.delete(f"{node_path(pool, name)}?force={'true' if force else 'false'}")
    click.echo(f"node {name} is removed")


CARE_COMMANDS = (cordon, uncordon, drain, label, taint, remove)


def _wait_until_empty(pool: ApiClient, node: dict[str, Any], until_s: float | None) -> None:
    name, began, seen = node["name"], node["drain"]["at"], node["leases"]
    while node["leases"]:
        if until_s is not None and time.monotonic() >= until_s:
            raise LeaseTimedOut(f"node {name} still has {_leases(node)}; its drain goes on, wait again with --wait")
        time.sleep(_LOOK_EVERY_S)
        node = pool.get(node_path(pool, name))
        if not node["drain"] or node["drain"]["at"] != began:
            raise Conflict(f"the drain of node {name} was ended or replaced by somebody else; it is {standing(node)}")
        if node["leases"] != seen:
            seen = node["leases"]
            _show_draining(pool, node)


def _show_draining(pool: ApiClient, node: dict[str, Any]) -> None:
    """What still runs there, and what will become of it."""
    name, end_at = node["name"], node["drain"]["end_at"]
    if not node["leases"]:
        click.echo(f"node {name} is drained: no lease is left on it")
        return
    fate = f"those that are left end at {end_at}" if end_at else "they are waited for"
    click.echo(f"node {name} is draining: {_leases(node)} on it; {fate}")
    for lease_id in node["leases"]:
        lease = pool.get(f"/leases/{pool.segment(lease_id)}")
        what = lease["request"]["command"].replace("\n", " ") or "-"
        click.echo(f"  {lease_id}  {lease['state']}  {lease['owner']}  {what}")


def _leases(node: dict[str, Any]) -> str:
    count = len(node["leases"])
    return "1 lease" if count == 1 else f"{count or 'no'} leases"


def _pairs(labels: dict[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in labels.items())
