"""Checks of the pool, as a program on this host would find it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

from gpool.checkup.finding import Finding
from gpool.errors import GpoolError, NotAuthenticated
from gpool.hardware.host import boot_id
from gpool.launch.api_client import ApiClient
from gpool.launch.client_settings import client_from
from gpool.version import VERSION

__all__ = ["pool_findings"]

REACH_PATIENCE_S = 3.0


def pool_findings(api: str | None, token: str | None) -> Iterator[Finding]:
    """One finding for each check; what depends on something that fails is not looked at."""
    try:
        client = client_from(api, token, timeout_s=5.0)
        version = client.get("/version")["version"]
    except GpoolError as error:
        yield Finding("fail", "controller", str(error))
        return
    except (KeyError, TypeError):
        yield Finding("fail", "controller", "what answers there is no controller", "check --api and GPOOL_API")
        return
    yield Finding("ok", "controller", client.url)
    yield _same_version("controller", version)
    try:
        nodes = client.get("/nodes")
    except NotAuthenticated as error:
        yield Finding("fail", "token", str(error))
        return
    except GpoolError as error:
        yield Finding("fail", "nodes", str(error))
        return
    yield Finding("ok", "token", "is good")
    yield from _nodes(client, nodes)


def _same_version(what: str, version: str) -> Finding:
    if version == VERSION:
        return Finding("ok", f"version of {what}", version)
    remedy = "install the same gpool everywhere"
    return Finding("warn", f"version of {what}", f"{version}, here it is {VERSION}", remedy)


def _nodes(client: ApiClient, nodes: list[dict[str, Any]]) -> Iterator[Finding]:
    present = [node for node in nodes if node["state"] != "gone"]
    if not present:
        remedy = f"start one: gpool agent --join {client.url} --token TOKEN"
        yield Finding("warn", "nodes", "the pool has none", remedy)
    for node in present:
        name = node["name"]
        if node["state"] != "ready":
            remedy = f"look at the log of the agent on {name}"
            yield Finding("warn", f"node {name}", f"is {node['state']}", remedy)
            continue
        yield Finding("ok", f"node {name}", f"is ready, with {len(node['gpus'])} GPUs")
        if node["version"] != VERSION:
            yield _same_version(f"node {name}", node["version"])
        yield _reach(node)


def _reach(node: dict[str, Any]) -> Finding:
    subject = f"data port of {node['name']}"
    local = node["boot_id"] == boot_id()
    if not node["tcp"]:
        if local:
            return Finding("ok", subject, "closed; this host uses shared memory")
        remedy = "start its agent with --listen-data HOST:PORT"
        return Finding("fail", subject, "closed, and this host is another one", remedy)
    host, _, port = node["tcp"].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), REACH_PATIENCE_S).close()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        remedy = "open the port in the firewall, or let the agent listen elsewhere with --listen-data HOST:PORT"
        return Finding("warn" if local else "fail", subject, f"{node['tcp']} cannot be reached ({why})", remedy)
    return Finding("ok", subject, f"{node['tcp']} can be reached")
