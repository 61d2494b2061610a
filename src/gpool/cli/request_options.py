"""The options that say what a lease should be, for every command that asks for one. On the path of `gpool run`."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import click

from gpool.launch.asking import FILE_VARIABLE, WAYS, Way, resolve

__all__ = ["request_options"]


def request_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The flags of `gpool.launch.asking.WAYS` and `-f`, handed to the command together as `wish`, a `Wish`."""

    @functools.wraps(function)
    def command(*arguments: Any, request_file: str | None, **options: Any) -> Any:
        said = {way.name: options.pop(way.argument) for way in WAYS}
        return function(*arguments, wish=resolve(said, os.environ, request_file), **options)

    file = click.option(
        "-f",
        "--file",
        "request_file",
        metavar="FILE",
        help=f"A TOML or YAML file that says some of this; flags and variables come before it. [{FILE_VARIABLE}]",
    )
    decorated: Callable[..., Any] = file(command)
    for way in reversed(WAYS):
        decorated = _option(way)(decorated)
    return decorated


def _option(way: Way) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    name = f"--{way.name}/--no-{way.name}" if way.name == "preemptible" else f"--{way.name}"
    if way.switch:
        return click.option(name, way.argument, is_flag=True, default=None, help=way.help)
    kind: Any = click.Choice(way.choices) if way.choices else (int if way.metavar == "N" else str)
    return click.option(name, way.argument, type=kind, metavar=way.metavar, multiple=way.many, help=way.help)
