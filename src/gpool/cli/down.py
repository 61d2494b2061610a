"""`gpool down`: stop the pool that `gpool up` started."""

from __future__ import annotations

import click

__all__ = ["command"]


@click.command()
def command() -> None:
    """Stop the pool of this machine: agents, their workers, the controller.

    Programs that use its GPUs lose them. State and logs are kept. Nothing happens when no pool is running.

    \b
    gpool down
    """
    from gpool.local.pool import LocalPool

    was_running, killed = LocalPool().down()
    for name in killed:
        click.echo(f"gpool: {name} did not end in order and was killed; its log may say why", err=True)
    click.echo("The pool is stopped." if was_running else "No pool is running on this machine.")
