"""`gpool agent`: the agent of a node, in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from gpool.errors import TokenMissing

__all__ = ["command"]


@click.command()
@click.option(
    "--join",
    required=True,
    metavar="URL[,URL…]",
    help="Address of the controller, such as https://HOST:7070, or of all that share the pool.",
)
@click.option(
    "--token",
    envvar="GPOOL_TOKEN",
    metavar="TOKEN",
    help="The node's token. [GPOOL_TOKEN, which other users of this machine cannot read]",
)
@click.option(
    "--ca",
    envvar="GPOOL_CA",
    metavar="FILE|sha256:HEX",
    help="Who vouches for the controller: an authority's certificate, or its fingerprint, by which it is fetched. "
    "[GPOOL_CA, then those that this machine trusts]",
)
@click.option("--name", metavar="NAME", help="Name of the node. [the host's name]")
@click.option("--emulate", type=int, metavar="N", help="Offer N emulated GPUs instead of the machine's own.")
@click.option("--emulate-memory", default="8GiB", metavar="SIZE", help="Memory of each emulated GPU. [8GiB]")
@click.option(
    "--listen-data",
    metavar="HOST:PORT",
    help="Where programs of other machines reach the GPUs; `off` for none. "
    "[0.0.0.0:7071; a free port of 127.0.0.1 when the controller is on this machine]",
)
@click.option(
    "--grace",
    type=click.IntRange(0, 999_999),
    default=30,
    metavar="SECONDS",
    help="How long a program's lost TCP connection may be resumed; 0: it ends the program's use of the GPU. [30]",
)
@click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="A label of the node; may be given several times."
)
@click.option(
    "--silence",
    type=click.FloatRange(1, 3600),
    default=15.0,
    metavar="SECONDS",
    help="How long the controller may be silent before the agent looks for another. [15]",
)
@click.option("--state", type=click.Path(path_type=Path), metavar="DIR", help="Folder of sockets and ledgers.")
@click.option(
    "--image-cache",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where code that programs have sent stays for the next ones. [~/.local/state/gpool/images]",
)
@click.option(
    "--image-cache-size", default="4GiB", metavar="SIZE", help="At most so much of it; 0: nothing stays. [4GiB]"
)
@click.option(
    "--warm-workers",
    type=click.IntRange(0, 99),
    default=1,
    metavar="N",
    help="Processes per GPU that wait for a program with a CUDA context made; each takes a context's memory. [1]",
)
def command(
    join: str,
    token: str | None,
    ca: str | None,
    name: str | None,
    emulate: int | None,
    emulate_memory: str,
    listen_data: str | None,
    grace: int,
    labels: tuple[str, ...],
    silence: float,
    state: Path | None,
    image_cache: Path | None,
    image_cache_size: str,
    warm_workers: int,
) -> None:
    """Offer the GPUs of this machine to the pool of the controller at URL.

    Runs in the foreground until SIGTERM or ^C, which end all sessions on this node in order. When the agent dies or is
    killed, running programs go on, and the next agent takes them over.

    \b
    gpool agent --join https://head:7070 --ca sha256:4f2a... --token gpool_...
    gpool agent --join http://127.0.0.1:7070 --name node-b --emulate 1 --emulate-memory 2GiB
    """
    from gpool.agent.serving import NodeKeeping, data_address, gpu_source, labels_of, serve_agent
    from gpool.hardware.host import default_node_name
    from gpool.logs import configure_logs
    from gpool.model.sizes import parse_memory_bytes
    from gpool.paths import runtime_folder, state_folder
    from gpool.security.pinned_authority import check_authority

    if not token:
        raise TokenMissing(
            "an agent needs a token; make one with `gpool token create --role node NAME` and give it with --token"
        )
    if ca:
        check_authority(ca)
    node = name or default_node_name()
    memory_bytes = parse_memory_bytes(emulate_memory)
    data = data_address(listen_data, join)
    source = gpu_source(node, emulate, memory_bytes)
    configure_logs()
    folder = state or Path(runtime_folder(), node)
    images = image_cache or Path(state_folder(), "images")
    image_bytes = 0 if image_cache_size.strip() == "0" else parse_memory_bytes(image_cache_size)
    serve_agent(
        node=node,
        join=join,
        token=token,
        source=source,
        data=data,
        state=folder.absolute(),
        grace_s=grace,
        labels=labels_of(labels),
        silence_s=silence,
        ca=ca or "",
        keeping=NodeKeeping(images.absolute(), image_bytes, warm_workers),
    )
