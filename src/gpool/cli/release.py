"""`gpool release`: give leases back."""

from __future__ import annotations

import click

from gpool.cli.pool_options import pool_options
from gpool.errors import GpoolError
from gpool.launch.api_client import ApiClient

__all__ = ["command"]


@click.command()
@click.argument("leases", metavar="LEASE...", nargs=-1, required=True)
@pool_options
def command(pool: ApiClient, leases: tuple[str, ...]) -> None:
    """Give leases back; the programs that use them lose their GPUs.

    \b
    gpool release l-7k3m9q
    """
    failures: list[GpoolError] = []
    for lease in leases:
        try:
            pool.delete(f"/leases/{pool.segment(lease)}")
        except GpoolError as error:
            failures.append(error)
        else:
            click.echo(f"lease {lease} is released")
    for failure in failures[:-1]:
        click.echo(f"gpool: {failure}", err=True)
    if failures:
        raise failures[-1]
