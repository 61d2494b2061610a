"""`gpool simulate`: what the scheduler would have done with recorded workloads."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gpool.cli.pool_options import echo_json, echo_table

if TYPE_CHECKING:
    from gpool.simulator.philly import Outcome

__all__ = ["command"]

POLICIES = ("random", "dotprod", "clustering", "packing", "bestfit", "fgd", "gpool")

_path = click.Path(exists=True, dir_okay=False, path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="JSON.")
_processes = click.option(
    "--processes",
    type=click.IntRange(1),
    default=os.cpu_count() or 1,
    help="Runs at the same time.  [one per processor]",
)


@click.group()
def command() -> None:
    """Run the real scheduler on recorded workloads. No pool is needed.

    \b
    gpool simulate openb --nodes openb_node_list_gpu_node.csv --pods openb_pod_list_default.csv --policy gpool
    gpool simulate philly --jobs philly.csv --gpus 512
    gpool simulate growth --gpus 100000

    docs/simulation says where the traces are, and what came out.
    """


@command.command()
@click.option("--nodes", type=_path, required=True, metavar="FILE", help="Node list of the openb trace.")
@click.option("--pods", type=_path, required=True, metavar="FILE", help="Pod list of the openb trace.")
@click.option("--policy", type=click.Choice(POLICIES), default="gpool", show_default=True, help="Who chooses.")
@click.option(
    "--remote-fallback", is_flag=True, help="What fits on no node gets GPUs and processors of different ones."
)
@click.option("--seeds", type=click.IntRange(1), default=10, show_default=True, help="Runs, each with another order.")
@_processes
@_json
def openb(
    nodes: Path, pods: Path, policy: str, remote_fallback: bool, seeds: int, processes: int, as_json: bool
) -> None:
    """How much GPU is left over when it is all asked for."""
    from gpool.simulator.seeds import run_seeds, summary

    runs = run_seeds(nodes, pods, policy, seeds, remote_fallback=remote_fallback, processes=processes)
    result = {"policy": policy, "pods": pods.name, "remote_fallback": remote_fallback, **summary(runs)}
    if as_json:
        echo_json(result)
        return
    columns = [("ARRIVED", "right"), ("UNALLOCATED", "right"), ("DEVIATION", "right")]
    at = result["unallocated_percent"]
    rows = ([f"{load} %", f"{values['mean']:.2f} %", f"{values['std']:.2f}"] for load, values in at.items())
    echo_table(columns, rows, empty="no run came so far")
    times = result["decision_ms"]
    click.echo(
        f"{seeds} runs; processor time of a decision: {times['p50']:.2f} ms (median), {times['p99']:.2f} ms (99 %)"
    )


@command.command()
@click.option("--jobs", type=_path, required=True, metavar="FILE", help="The list of Philly's jobs.")
@click.option("--gpus", type=click.IntRange(16), default=512, show_default=True, help="Size of the cluster.")
@click.option(
    "--sharing",
    type=click.Choice(("partition", "fifo", "gpool")),
    multiple=True,
    help="Own GPUs for each, one queue for all, or guarantees with borrowing; may be repeated.  [all]",
)
@click.option(
    "--checkpoint",
    "checkpoint_s",
    type=click.FloatRange(0),
    default=3600.0,
    show_default=True,
    help="Seconds between checkpoints, from the last of which a preempted job goes on; 0: from where it was.",
)
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0),
    default=60.0,
    show_default=True,
    help="Seconds between the scheduler's looks; 0: whenever something happens.",
)
@_processes
@_json
def philly(
    jobs: Path, gpus: int, sharing: tuple[str, ...], checkpoint_s: float, every_s: float, processes: int, as_json: bool
) -> None:
    """Who waits how long when departments share GPUs."""
    from concurrent.futures import ProcessPoolExecutor
    from functools import partial

    from gpool.simulator.philly import SHARINGS, read_jobs, run_sharing

    run = partial(run_sharing, read_jobs(jobs), gpus, checkpoint_s=checkpoint_s, every_s=every_s)
    chosen = sharing or SHARINGS
    if processes == 1 or len(chosen) == 1:
        outcomes = [run(name) for name in chosen]
    else:
        with ProcessPoolExecutor(min(processes, len(chosen))) as executor:
            outcomes = list(executor.map(run, chosen))
    if as_json:
        echo_json([asdict(outcome) for outcome in outcomes])
        return
    columns = [(title, "right" if number else "left") for number, title in enumerate(_PHILLY_COLUMNS)]
    echo_table(columns, map(_philly_row, outcomes), empty="no run")


_PHILLY_COLUMNS = (
    "SHARING", "WAIT MEAN", "P50", "P95", "SLOWDOWN", "UTILISATION", "KEPT", "STARVED", "PREEMPTIONS", "NEVER RAN",
)  # fmt: skip


def _philly_row(outcome: Outcome) -> list[str]:
    hours = (outcome.wait_mean_s, outcome.wait_p50_s, outcome.wait_p95_s)
    return [
        outcome.sharing,
        *(f"{seconds / 3600:.2f} h" for seconds in hours),
        f"{outcome.slowdown_mean:.1f}",
        f"{outcome.utilisation:.1%}",
        f"{outcome.kept:.1%}",
        f"{outcome.starved:.1%}",
        str(outcome.preemptions),
        str(outcome.never),
    ]


@command.command()
@click.option(
    "--gpus",
    type=click.IntRange(8),
    multiple=True,
    default=(6212,),
    show_default=True,
    help="Size of the pool; may be repeated.",
)
@_json
def growth(gpus: tuple[int, ...], as_json: bool) -> None:
    """How the time of decisions grows with the pool."""
    from gpool.simulator.growth import measure_growth

    found = [measure_growth(size) for size in gpus]
    if as_json:
        echo_json([asdict(one) for one in found])
        return
    columns = [
        (title, "right") for title in ("GPUS", "NODES", "TAKE UP", "FIRST", "DECISION P50", "P99", "CYCLE OF 1000")
    ]
    echo_table(
        columns,
        (
            [str(one.gpus), str(one.nodes)]
            + [f"{value:.2f} ms" for value in (one.build, one.first, one.decision_p50, one.decision_p99, one.cycle)]
            for one in found
        ),
        empty="no pool",
    )
