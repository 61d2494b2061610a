"""`gpool run`: run a command on GPUs of the pool. On the path of every job: light imports only."""

from __future__ import annotations

import click

from gpool.errors import InvalidInput
from gpool.launch.client_settings import client_from
from gpool.launch.durations import parse_duration_s
from gpool.launch.launching import Wish, launch
from gpool.model.sizes import parse_compute_permille, parse_memory_bytes

__all__ = ["command"]

# One lease never holds more; the API says the same, and later.
MOST_GPUS = 1024


@click.command(
    context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False},
    options_metavar="[OPTIONS]",
)
@click.option(
    "--gpus", type=int, default=1, metavar="N", help="How many vGPUs; each is a CUDA device of the program. [1]"
)
@click.option("--memory", metavar="SIZE", help="Memory of each vGPU: 8GiB, 512M, 1.5G. Without it: a whole GPU.")
@click.option("--compute", metavar="PERCENT", help="Compute of each vGPU as a part of its GPU: 50%, 12.5%. [100%]")
@click.option("--node", metavar="NAME", help="Only GPUs of this node.")
@click.option(
    "--transport",
    type=click.Choice(["auto", "shm", "tcp"]),
    default="auto",
    help="How calls travel: shared memory on the GPU's own machine, TCP from others. [auto]",
)
@click.option(
    "--timeout", metavar="T", help="How long to wait for the GPUs: 30s, 5m, 2h. Without it: until they are free."
)
@click.option("--api", metavar="URL", help="Address of the controller. [GPOOL_API, then client.toml]")
@click.option("--token", metavar="TOKEN", help="Who you are. [GPOOL_TOKEN, then client.toml]")
@click.argument("words", metavar="-- CMD [ARGS]...", nargs=-1, type=click.UNPROCESSED)
def command(
    gpus: int,
    memory: str | None,
    compute: str | None,
    node: str | None,
    transport: str,
    timeout: str | None,
    api: str | None,
    token: str | None,
    words: tuple[str, ...],
) -> int:
    """Run CMD with GPUs of the pool as its CUDA devices.

    CMD and all processes that it starts share the GPUs. They are given back when CMD ends, whatever way it ends.
    The exit code is CMD's own; 125 when gpool itself fails, 126 or 127 when CMD cannot be executed or found.

    \b
    gpool run -- python train.py                  a whole GPU
    gpool run --memory 4GiB -- python serve.py    a part of one
    gpool run --gpus 2 -- torchrun ...            two GPUs, on one node or on two
    gpool run --timeout 5m -- make check          give up when none is free in time
    """
    if not words:
        raise InvalidInput("there is no command to run; say it after `--`, as in `gpool run -- python train.py`")
    if not 1 <= gpus <= MOST_GPUS:
        raise InvalidInput(f"--gpus {gpus} cannot be; ask for 1 to {MOST_GPUS} GPUs")
    wish = Wish(
        vgpus=gpus,
        memory_bytes=None if memory is None else parse_memory_bytes(memory),
        compute_permille=1000 if compute is None else parse_compute_permille(compute),
        node=node,
        transport=transport,
        timeout_s=None if timeout is None else parse_duration_s(timeout),
    )
    return launch(wish, list(words), client_from(api, token))
