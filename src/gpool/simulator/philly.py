"""Real jobs of fifteen departments on one cluster: who waits how long, under which rules of sharing?

Jobs are those of Microsoft's Philly clusters (Jeon et al., USENIX ATC 2019): when, how
long, how many GPUs, for which virtual cluster.
The scheduler is the production one; only the queues differ. Nothing is known to it of how long a job will run.
"""

import csv
import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, inf
from pathlib import Path

import numpy as np

from gpool.errors import InvalidInput
from gpool.scheduler.actions.make_room import MakeRoom
from gpool.scheduler.asks import Ask
from gpool.scheduler.cycle import decide
from gpool.scheduler.demand import Demand
from gpool.scheduler.index import GpuSlot, PoolIndex
from gpool.scheduler.queues import ROOT, Queue, QueueTree
from gpool.scheduler.state import SchedulerState

__all__ = ["SHARINGS", "Job", "Outcome", "guarantees", "read_jobs", "run_sharing"]

SHARINGS = ("partition", "fifo", "gpool")
"""Each department its own GPUs; one queue for all; guarantees with borrowing and reclaim."""

_GPUS_PER_NODE = 8
_GPU_BYTES = 24 << 30
_SHORTEST_S = 60.0
"""Slowdown is told relative to at least so long a duration, or jobs of a second would decide it."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job of the trace."""

    submitted: float
    """Seconds."""
    duration: float
    gpus: int
    cluster: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of the jobs under one rule of sharing."""

    sharing: str
    gpus: int
    jobs: int
    """Those that the numbers are about."""
    never: int
    """Jobs that could never run, being larger than what their department has."""
    wait_mean_s: float
    wait_p50_s: float
    wait_p95_s: float
    slowdown_mean: float
    slowdown_p95: float
    utilisation: float
    """Part of the GPU time, from the first to the last submission, that went into work that was not lost."""
    kept: float
    """Part of the GPU time that departments were owed (what they wanted, up to their guarantee) that they had."""
    starved: float
    """Part of the time in which a department wants something, that it is refused what its guarantee would cover."""
    preemptions: int
    lost_gpu_hours: float
    """Work that was done again after a preemption."""


def read_jobs(path: Path) -> list[Job]:
    """The jobs in the order of their submission. Raises `InvalidInput`."""
    columns = ("timestamp", "duration", "num_gpus", "cluster")
    jobs = []
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInput(f"{path} has no column '{missing[0]}'; is it the list of Philly's jobs?")
            for row in reader:
                try:
                    at = datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC).timestamp()
                    jobs.append(Job(at, float(row["duration"]), int(row["num_gpus"]), row["cluster"]))
                except ValueError as error:
                    raise InvalidInput(
                        f"{path}, line {reader.line_num}: {error}; expected a job of the trace"
                    ) from error
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}; name the list of Philly's jobs") from error
    if not jobs:
        raise InvalidInput(f"{path} has no job; name the list of Philly's jobs")
    return sorted(jobs, key=lambda job: (job.submitted, job.cluster, job.gpus, job.duration))


def guarantees(jobs: Iterable[Job], gpus: int) -> dict[str, int]:
    """Whole GPUs per department, by the GPU time that it uses in all; at least one each."""
    use: dict[str, float] = defaultdict(float)
    for job in jobs:
        use[job.cluster] += job.duration * job.gpus
    if gpus < len(use):
        raise InvalidInput(f"{len(use)} departments cannot share {gpus} GPUs; simulate at least one for each")
    total = sum(use.values())
    exact = {name: 1 + (gpus - len(use)) * part / total for name, part in use.items()}
    whole = {name: int(part) for name, part in exact.items()}
    for name in sorted(exact, key=lambda name: (whole[name] - exact[name], name))[: gpus - sum(whole.values())]:
        whole[name] += 1
    return whole


class _Watch:
    """Integrates, over time, what each department has, wants and is owed."""

    def __init__(self, owed: dict[str, int], until: float) -> None:
        self._guarantee = owed
        self._until = until
        self._at = 0.0
        self.used: Counter[str] = Counter()
        self.waiting: dict[str, Counter[int]] = {name: Counter() for name in owed}
        self._wanted: Counter[str] = Counter()
        self.owed = self.had = self.starved = self.wanting = 0.0

    def wait(self, job: Job, times: int) -> None:
        """A job begins (or, `times` -1, ends) to wait."""
        self.waiting[job.cluster][job.gpus] += times
        self._wanted[job.cluster] += times * job.gpus
        if not self.waiting[job.cluster][job.gpus]:
            del self.waiting[job.cluster][job.gpus]

    def pass_time(self, now: float) -> None:
        """Until now, everything was as it is."""
        span, self._at = min(now, self._until) - min(self._at, self._until), now
        if span <= 0:
            return
        for name, guarantee in self._guarantee.items():
            used, wanted = self.used[name], self._wanted[name]
            if not used and not wanted:
                continue
            self.wanting += span
            owed = min(guarantee, used + wanted)
            self.owed += span * owed
            self.had += span * min(used, owed)
            if wanted and used + min(self.waiting[name]) <= guarantee:
                self.starved += span


def run_sharing(
    jobs: list[Job],
    gpus: int,
    sharing: str,
    *,
    checkpoint_s: float = 3600.0,
    every_s: float = 60.0,
    least_run_s: float = 600.0,
) -> Outcome:
    """One run. Told are the jobs that fit into their department's own GPUs, whatever the sharing, so that runs compare.

    A job that is preempted goes on, later, from its last checkpoint; it writes one every `checkpoint_s`. The
    scheduler looks every `every_s` (0: whenever something happens); jobs arrive and end at their own times.
    """
    owed = guarantees(jobs, gpus)
    state = SchedulerState(_cluster(gpus), _tree(owed, sharing))
    room = MakeRoom(least_run_s) if sharing == "gpool" else None
    able = [number for number, job in enumerate(jobs) if sharing != "partition" or job.gpus <= owed[job.cluster]]
    able = [number for number in able if jobs[number].gpus <= gpus]
    start = jobs[0].submitted
    watch = _Watch(owed, jobs[-1].submitted - start)
    demands = {count: Demand(count, whole=True) for count in {job.gpus for job in jobs}}
    left = {number: jobs[number].duration for number in able}
    done: dict[int, float] = {}
    running: dict[int, tuple[float, int]] = {}
    """Number of the job → since when, and which of its runs it is."""
    finishes: list[tuple[float, int, int]] = []
    runs: Counter[int] = Counter()
    preemptions = 0
    lost = useful = 0.0
    window = jobs[-1].submitted - start
    arrival = 0

    def ask(number: int) -> Ask:
        job = jobs[number]
        queue = ROOT if sharing == "fifo" else job.cluster
        return Ask(str(number), demands[job.gpus], job.submitted, queue, preemptible=sharing == "gpool")

    def end(number: int, now: float) -> float:
        since, _ = running.pop(number)
        state.stop(str(number), now)
        watch.used[jobs[number].cluster] -= jobs[number].gpus
        return now - since

    while arrival < len(able) or finishes:
        first = min(
            jobs[able[arrival]].submitted - start if arrival < len(able) else inf, finishes[0][0] if finishes else inf
        )
        tick = ceil(first / every_s) * every_s if every_s else first
        stirred = False
        while True:
            arrives = jobs[able[arrival]].submitted - start if arrival < len(able) else inf
            now = min(arrives, finishes[0][0] if finishes else inf)
            if now > tick or now == inf:
                break
            watch.pass_time(now)
            if finishes and finishes[0][0] <= arrives:
                _, number, run = heapq.heappop(finishes)
                if running.get(number, (0.0, -1))[1] != run:
                    continue  # it was preempted before
                since = running[number][0]
                end(number, now)
                useful += _within(since, now, window) * jobs[number].gpus
                done[number] = now
                stirred = True
                continue
            number = able[arrival]
            arrival += 1
            fresh = ask(number)
            # Behind one that wants the same and waits already, nothing changes.
            stirred |= fresh.demand not in state.waiting.by_queue.get(fresh.queue, ())
            state.arrive(fresh)
            watch.wait(jobs[number], 1)
        now = tick
        watch.pass_time(now)
        stirred &= len(state.waiting) > 0
        while stirred:
            decision = decide(state, now, room=room)
            for placed, spots in decision.placements:
                number = int(placed.id)
                state.start(placed, spots, now)
                runs[number] += 1
                running[number] = now, runs[number]
                heapq.heappush(finishes, (now + left[number], number, runs[number]))
                watch.wait(jobs[number], -1)
                watch.used[jobs[number].cluster] += jobs[number].gpus
            stirred = bool(decision.evictions)
            for eviction in decision.evictions:
                for victim in eviction.victims:
                    number = int(victim.ask.id)
                    since = running[number][0]
                    ran = end(number, now)
                    kept = ran // checkpoint_s * checkpoint_s if checkpoint_s else ran
                    left[number] -= kept
                    useful += _within(since, since + kept, window) * jobs[number].gpus
                    lost += (ran - kept) * jobs[number].gpus
                    preemptions += 1
                    state.arrive(victim.ask)
                    watch.wait(jobs[number], 1)
                state.nominated[eviction.beneficiary.id] = eviction.spots

    told = [number for number in done if jobs[number].gpus <= owed[jobs[number].cluster]]
    durations = np.array([jobs[number].duration for number in told])
    waits = np.array([done[number] - (jobs[number].submitted - start) for number in told]) - durations
    slowdowns = np.maximum(1.0, (waits + durations) / np.maximum(durations, _SHORTEST_S))
    return Outcome(
        sharing=sharing,
        gpus=gpus,
        jobs=len(told),
        never=len(jobs) - len(able),
        wait_mean_s=float(waits.mean()),
        wait_p50_s=float(np.quantile(waits, 0.5)),
        wait_p95_s=float(np.quantile(waits, 0.95)),
        slowdown_mean=float(slowdowns.mean()),
        slowdown_p95=float(np.quantile(slowdowns, 0.95)),
        utilisation=useful / (gpus * window) if window else 0.0,
        kept=watch.had / watch.owed if watch.owed else 1.0,
        starved=watch.starved / watch.wanting if watch.wanting else 0.0,
        preemptions=preemptions,
        lost_gpu_hours=lost / 3600,
    )


def _within(since: float, until: float, window: float) -> float:
    return max(0.0, min(until, window) - min(since, window))


def _cluster(gpus: int) -> PoolIndex:
    index = PoolIndex()
    sizes = [_GPUS_PER_NODE] * (gpus // _GPUS_PER_NODE) + ([gpus % _GPUS_PER_NODE] if gpus % _GPUS_PER_NODE else [])
    index.put_nodes((f"node-{number:04d}", [GpuSlot("", _GPU_BYTES)] * size, True) for number, size in enumerate(sizes))
    return index


def _tree(owed: dict[str, int], sharing: str) -> QueueTree:
    if sharing == "fifo":
        return QueueTree()
    return QueueTree(
        Queue(name, guarantee=gpus, limit=gpus if sharing == "partition" else inf, weight=gpus)
        for name, gpus in owed.items()
    )
