"""Writes the pages and charts of docs/simulation from the results."""

import csv
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from svg import bars, lines

__all__ = ["write_pages"]

POLICIES = ("random", "dotprod", "clustering", "packing", "bestfit", "fgd", "gpool", "gpool+remote")
PUBLISHED = {
    "random": "01-Random", "dotprod": "02-DotProd", "clustering": "03-GpuClustering",
    "packing": "04-GpuPacking", "bestfit": "05-BestFit", "fgd": "06-FGD",
}  # fmt: skip
SHARINGS = {"partition": "own GPUs for each", "fifo": "one queue for all", "gpool": "guarantees, borrowing, reclaim"}
HOUR = 3600


def write_pages(folder: Path, results: Mapping[str, Any], openb: Path | None) -> None:
    """Every page for which there are results. `openb`: where the published results are, to compare with."""
    if results["placement"]:
        _placement(folder, results["placement"], openb)
    if results["sharing"]:
        _sharing(folder, results["sharing"])
    if results["growth"]:
        _growth(folder, results["growth"])


def _placement(folder: Path, runs: Mapping[str, Any], openb: Path | None) -> None:
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    slowest: list[float] = []
    for key, run in runs.items():
        workload, policy, _ = key.split("/")
        for load, percent in run["unallocated"].items():
            found.setdefault(workload, {}).setdefault(policy, {}).setdefault(load, []).append(percent)
        if policy == "gpool":
            slowest.append(run["decision_ms"]["99"])
    workloads = sorted(found, key=lambda name: (name != "default", name))
    policies = [policy for policy in POLICIES if any(policy in found[workload] for workload in workloads)]

    def cell(workload: str, policy: str, load: str) -> str:
        values = found[workload].get(policy, {}).get(load, [])
        if not values:
            return "–"
        deviation = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
        few = f" ({len(values)})" if len(values) < 10 else ""
        return f"{statistics.fmean(values):.2f}{deviation}{few}"

    def table(load: str) -> list[str]:
        rows = [[workload, *(cell(workload, policy, load) for policy in policies)] for workload in workloads]
        return _table(["workload", *policies], rows)

    text = [
        "# Placement: how much GPU is left over",
        "",
        "Made by `make simulations`; [how](README.md). The cluster is that of the Alibaba GPU trace of 2023: 1,213 nodes, 6,212 GPUs,",
        "107,018 processors. Pods arrive one after the other, in an order that differs from seed to seed, until 130 % of all GPUs were asked",
        "for. Each is tried once and stays for ever; one that fits nowhere is dropped. Told is the part of all GPUs that is not",
        "allocated: less is better. The step-by-step definition: [internals/scheduling.md](../internals/scheduling.md).",
        "",
        "## When as much was asked for as there is (100 %)",
        "",
        "Per cent of all GPUs, mean ± sample deviation over seeds (in brackets: how many, where fewer than ten).",
        "",
        *table("100"),
        "",
        "![unallocated GPUs by workload](placement.svg)",
        "",
        "`gpool` is the default policy of the scheduler; `gpool+remote` takes GPUs and processors from different nodes for pods that fit on",
        "no single one. All others are baselines: `fgd` is the policy of Weng et al. (USENIX ATC 2023).",
        "",
        "## At the end (130 %)",
        "",
        *table("130"),
        "",
        "## The default workload, by load",
        "",
        *_table(
            ["policy", "100 %", "110 %", "120 %", "130 %"],
            [
                [policy, *(cell("default", policy, load) for load in ("100", "110", "120", "130"))]
                for policy in policies
            ],
        ),
        "",
        f"Processor time of one decision of `gpool`, 99th percentile: {statistics.median(slowest):.2f} ms (median over all runs)."
        if slowest
        else "",
    ]
    published = _published(openb)
    if published:
        rows = []
        for workload in workloads:
            ours = (found[workload].get(policy, {}).get("100", []) for policy in PUBLISHED)
            theirs = [published.get((workload, policy)) for policy in PUBLISHED]
            rows.append(
                [workload]
                + [
                    f"{statistics.fmean(mine) - mean:+.2f}" if mine and mean is not None else "–"
                    for mine, mean in zip(ours, theirs, strict=True)
                ]
            )
        text += [
            "",
            "## Is the simulator right?",
            "",
            "Our mean minus the published mean (ten seeds of another random generator), in points, at 100 %. The published deviations are 0.07",
            "to 0.24 for `fgd` and `bestfit`, 0.2 to 0.7 for `clustering` and `packing`. The tables above say how many seeds ours are from: a",
            "difference of one run is a draw from about one and a half times that deviation, and says little.",
            "",
            *_table(["workload", *PUBLISHED], rows),
        ]
    (folder / "placement.md").write_text("\n".join(text).rstrip() + "\n")
    shown = [policy for policy in ("bestfit", "fgd", "gpool", "gpool+remote") if policy in policies]
    whole = [workload for workload in workloads if all(policy in found[workload] for policy in shown)]
    if whole:
        means = {policy: [statistics.fmean(found[w][policy]["100"]) for w in whole] for policy in shown}
        bars(folder / "placement.svg", "GPUs not allocated when 100 % were asked for", "% of all GPUs", whole, means)


def _published(openb: Path | None) -> dict[tuple[str, str], float]:
    path = openb / "fgd_published_allocation.csv" if openb else None
    if path is None or not path.exists():
        return {}
    names = {theirs: ours for ours, theirs in PUBLISHED.items()}
    values: dict[tuple[str, str], list[float]] = {}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            key = row["workload"].removeprefix("openb_pod_list_"), names[row["sc_policy"]]
            values.setdefault(key, []).append(100 - float(row["100"]))
    return {key: statistics.fmean(found) for key, found in values.items()}


def _sharing(folder: Path, runs: Mapping[str, Any]) -> None:
    text = [
        "# Sharing: who waits how long",
        "",
        "Made by `make simulations`; [how](README.md). 82,247 jobs of fifteen departments, submitted over 109 days (Microsoft's Philly clusters;",
        "Jeon et al., USENIX ATC 2019), each with its GPUs and its duration; on average 374 GPUs are busy when nobody has to wait.",
        "Clusters have nodes of eight GPUs. A department's guarantee is its part of all GPU time, at least one GPU.",
        "",
        "- **own GPUs for each**: a department has its guarantee and nothing else.",
        "- **one queue for all**: first in, first out, with backfill; what a pool without queues does.",
        "- **guarantees, borrowing, reclaim**: gpool's queues. What one does not use others borrow; who asks for what it is guaranteed gets it",
        "  back, from leases that have run for ten minutes at least. A job that is ended goes on later from its last checkpoint, an hour old at most.",
        "",
        "The scheduler looks every five minutes and does not know how long a job will run. *Waiting* is all time that a job is in the system and does not do its work for",
        "the first time. *Slowdown* is the time in the system over the duration (at least a minute). *Kept* is the part of the GPU time",
        "that departments were owed (what they wanted, up to their guarantee) that they had; *starved* the part of the time in which a department",
        "wants something that its guarantee would cover, and is refused. The numbers are about the jobs that fit into their department's own",
        "GPUs, which are the same for all three; those that do not (*never ran*) can only run where GPUs are shared, and load the cluster there.",
        "",
        "How to read it: the departments ask for more than there is for weeks, so that somebody waits for days whatever the rules. One queue for",
        "all lets the department with the most jobs keep everybody from what is theirs (*kept*, *starved*). With queues departments have nearly",
        "all that they are owed, and the price is told beside it: jobs that are ended, and work that is done again. No way is the best in every",
        "column: on 512 GPUs gpool's queues make jobs wait least on average and in the median, with a larger mean slowdown than own GPUs have; on",
        "384, where there is far too little for everybody, own GPUs give the shorter waits. They also refuse the jobs that never ran, the",
        "largest of all, which load the cluster under the two other rules, and let small jobs pass a large one that would exceed the limit, where",
        "gpool keeps GPUs for the first job of each queue. How much of the difference each of these makes was not measured.",
    ]
    for gpus in sorted({int(key.split("/")[0]) for key in runs}):
        chosen = {name: runs[f"{gpus}/{name}"] for name in SHARINGS if f"{gpus}/{name}" in runs}
        rows = [
            [
                SHARINGS[name],
                *(f"{run[f'wait_{part}_s'] / HOUR:.1f} h" for part in ("mean", "p50", "p95")),
                f"{run['slowdown_mean']:.0f}",
                f"{run['utilisation']:.1%}",
                f"{run['kept']:.1%}",
                f"{run['starved']:.1%}",
                f"{run['preemptions']:,}",
                f"{run['lost_gpu_hours']:,.0f} h",
                str(run["never"]),
            ]
            for name, run in chosen.items()
        ]
        titles = ["sharing", "wait, mean", "p50", "p95", "slowdown, mean", "utilisation", "kept", "starved", "preemptions",
                  "GPU time done again", "never ran"]  # fmt: skip
        text += ["", f"## {gpus} GPUs", "", *_table(titles, rows), "", f"![waiting on {gpus} GPUs](sharing-{gpus}.svg)"]
        waits = {part: [run[f"wait_{part}_s"] / HOUR for run in chosen.values()] for part in ("mean", "p50", "p95")}
        bars(folder / f"sharing-{gpus}.svg", f"Waiting on {gpus} GPUs", "hours", list(chosen), waits)
    (folder / "sharing.md").write_text("\n".join(text) + "\n")


def _growth(folder: Path, runs: Mapping[str, Any]) -> None:
    grown = [runs[key] for key in sorted(runs, key=int)]
    rows = [
        [f"{run['gpus']:,}", f"{run['nodes']:,}"]
        + [f"{run[name]:.2f} ms" for name in ("build", "first", "decision_p50", "decision_p99", "cycle")]
        for run in grown
    ]
    text = [
        "# Growth: what a decision costs in a large pool",
        "",
        "Made by `make simulations`; [how](README.md). A made-up pool of nodes with eight, four and two GPUs of different memory is filled to one",
        "half with shares and whole GPUs; then 2,000 decisions are timed one by one, and one full cycle with 1,000 waiting requests. Processor",
        "time of one core, without the store and the API.",
        "",
        *_table(
            [
                "GPUs",
                "nodes",
                "take up the pool, once",
                "a new demand, once",
                "decision, median",
                "99 %",
                "cycle of 1,000 requests",
            ],
            rows,
        ),
        "",
        "![time of decisions](growth.svg)",
    ]
    (folder / "growth.md").write_text("\n".join(text) + "\n")
    series = {
        "median": [(run["gpus"], run["decision_p50"]) for run in grown],
        "99 %": [(run["gpus"], run["decision_p99"]) for run in grown],
    }
    lines(folder / "growth.svg", "One decision", "GPUs in the pool", "ms", series, log_x=True)


def _table(titles: list[str], rows: list[list[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (titles, ["---", *["---:"] * (len(titles) - 1)], *rows)]
