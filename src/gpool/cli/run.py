"""`gpool run`: run a command on GPUs of the pool. On the path of every job: light imports only."""

from __future__ import annotations

import click

from gpool.cli.request_options import request_options
from gpool.errors import InvalidInput
from gpool.launch.asking import Wish
from gpool.launch.client_settings import client_from
from gpool.launch.launching import launch

__all__ = ["command"]


@click.command(
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@request_options
@click.option("--api", metavar="URL", help="Address of the controller. [GPOOL_API, then client.toml]")
@click.option("--token", metavar="TOKEN", help="Who you are. [GPOOL_TOKEN, then client.toml]")
@click.argument("words", metavar="-- CMD [ARGS]...", nargs=-1, type=click.UNPROCESSED)
def command(wish: Wish, api: str | None, token: str | None, words: tuple[str, ...]) -> int:
    """Run CMD with GPUs of the pool as its CUDA devices.

    CMD and all processes that it starts share the GPUs. They are given back when CMD ends, whatever way it ends.
    The exit code is CMD's own; 125 when gpool itself fails, 126 or 127 when CMD cannot be executed or found.

    \b
    gpool run -- python train.py                  a whole GPU
    gpool run --memory 4GiB -- python serve.py    a part of one
    gpool run --gpus 2 -- torchrun ...            two GPUs, on one node or on two
    gpool run --timeout 5m -- make check          give up when none is free in time
    gpool run --on-use -- bash                    no GPU until something in it uses one
    gpool run -f request.toml -- python train.py  what is wanted, from a file

    Each option has a variable, GPOOL_GPUS for --gpus; docs/reference/requests.md has the table.
    """
    if not words:
        raise InvalidInput("there is no command to run; say it after `--`, as in `gpool run -- python train.py`")
    return launch(wish, list(words), client_from(api, token))
