"""Runs the simulations that docs/simulation shows, and writes its pages. What was run before is not run again.

    python scripts/simulations/run.py --openb FOLDER --philly FILE [--seeds 10] [--only placement|sharing|growth|pages]

Results are kept in docs/simulation/results.json; delete it, or a part of it, to run that anew.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pages import write_pages

from gpool.simulator.growth import measure_growth
from gpool.simulator.inflation import FIRST_SEED, run_inflation
from gpool.simulator.openb import read_nodes, read_pods
from gpool.simulator.philly import SHARINGS, read_jobs, run_sharing

PAGES = Path(__file__).parents[2] / "docs" / "simulation"
RESULTS = PAGES / "results.json"
NODES = "openb_node_list_gpu_node.csv"
POLICIES = ("gpool", "gpool+remote", "fgd", "bestfit", "packing", "clustering", "dotprod", "random")
SIZES = (384, 512)
POOLS = (1_000, 3_000, 6_212, 12_500, 25_000, 50_000, 100_000)
CHECKPOINT_S = 3600.0
EVERY_S = 300.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--openb", type=Path, help="folder with the node list and the pod lists")
    parser.add_argument("--philly", type=Path, help="the list of jobs")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--only", choices=("placement", "sharing", "growth", "pages"))
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for part in ("placement", "sharing", "growth"):
        results.setdefault(part, {})
    PAGES.mkdir(exist_ok=True)
    with ProcessPoolExecutor(options.processes) as executor:
        if options.only in (None, "placement") and options.openb:
            _run_missing(executor, results, "placement", _placements(options.openb, options.seeds))
        if options.only in (None, "sharing") and options.philly:
            _run_missing(executor, results, "sharing", _sharings(options.philly))
    if options.only in (None, "growth"):
        # One after the other: they are timed.
        for gpus in POOLS:
            if str(gpus) not in results["growth"]:
                results["growth"][str(gpus)] = asdict(measure_growth(gpus))
                _keep(results)
    write_pages(PAGES, results, options.openb)


Work = tuple[str, Callable[..., dict[str, Any]], tuple[Any, ...]]


def _placements(folder: Path, seeds: int) -> Iterable[Work]:
    workloads = sorted(path.stem.removeprefix("openb_pod_list_") for path in folder.glob("openb_pod_list_*.csv"))
    numbers = range(FIRST_SEED, FIRST_SEED + seeds)
    every = [(workload, policy, seed) for seed in numbers for policy in POLICIES for workload in workloads]
    # What says most comes first: our policy and the best baseline, of these the default workload.
    every.sort(key=lambda run: (run[1] not in POLICIES[:3], run[0] != "default"))
    for workload, policy, seed in every:
        yield f"{workload}/{policy}/{seed}", _place, (folder, workload, policy, seed)


def _place(folder: Path, workload: str, policy: str, seed: int) -> dict[str, Any]:
    name, _, remote = policy.partition("+")
    nodes, pods = read_nodes(folder / NODES), read_pods(folder / f"openb_pod_list_{workload}.csv")
    run = run_inflation(nodes, pods, name, seed, remote_fallback=bool(remote))
    ordered = sorted(run.decision_ns)
    times = {part: ordered[int(len(ordered) * part / 100)] / 1e6 for part in (50, 99)}
    unallocated = {load: round(percent, 4) for load, percent in run.unallocated.items()}
    return {"unallocated": unallocated, "dropped": run.dropped, "remote": run.remote, "decision_ms": times}


def _sharings(jobs: Path) -> Iterable[Work]:
    for gpus in SIZES:
        for sharing in SHARINGS:
            yield f"{gpus}/{sharing}", _share, (jobs, gpus, sharing)


def _share(jobs: Path, gpus: int, sharing: str) -> dict[str, Any]:
    return asdict(run_sharing(read_jobs(jobs), gpus, sharing, checkpoint_s=CHECKPOINT_S, every_s=EVERY_S))


def _run_missing(executor: ProcessPoolExecutor, results: dict[str, Any], part: str, work: Iterable[Work]) -> None:
    futures = {executor.submit(run, *arguments): key for key, run, arguments in work if key not in results[part]}
    for future in as_completed(futures):
        results[part][futures[future]] = json.loads(json.dumps(future.result()))
        _keep(results)


def _keep(results: dict[str, Any]) -> None:
    """Written whole or not at all, so that it can be stopped at any time."""
    fresh = RESULTS.with_suffix(".new")
    fresh.write_text(json.dumps(results, indent=0, sort_keys=True) + "\n")
    fresh.replace(RESULTS)


if __name__ == "__main__":
    main()
