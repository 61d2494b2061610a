"""The simulator on traces small enough to be worked out by hand."""

import json
import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from gpool.cli.simulate import POLICIES, command
from gpool.errors import InvalidInput
from gpool.scheduler import policy
from gpool.scheduler.demand import Demand
from gpool.simulator.growth import measure_growth
from gpool.simulator.inflation import arrivals, run_inflation
from gpool.simulator.openb import OpenbNode, read_nodes, read_pods, typical_of
from gpool.simulator.philly import Job, guarantees, read_jobs, run_sharing

NODES = "sn,cpu_milli,memory_mib,gpu,model\na,16000,1000,4,T4\nb,16000,1000,2,P100\n"
PODS = """name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec
p-2,1000,10,1,500,
p-1,2000,10,2,1000,T4
p-3,0,10,0,0,
p-4,1000,10,1,1000,T4|P100
"""
DAY = 86_400.0


@pytest.fixture
def trace(tmp_path: Path) -> tuple[Path, Path]:
    nodes, pods = tmp_path / "nodes.csv", tmp_path / "pods.csv"
    nodes.write_text(NODES)
    pods.write_text(PODS)
    return nodes, pods


def test_a_trace_is_read_as_its_authors_meant_it(trace: tuple[Path, Path]) -> None:
    assert read_nodes(trace[0])[1] == OpenbNode("b", 16_000, 1000, 2, "P100")
    pods = read_pods(trace[1])
    assert pods[0] == Demand(2, True, 0, 1000, 2000, 10, frozenset({"T4"})), "by name, not by line"
    assert (pods[1].whole, pods[1].permille) == (False, 500)
    assert (pods[2].vgpus, pods[2].cpu_milli) == (0, 100), "no processor at all counts as a tenth"
    assert pods[3].whole
    assert pods[3].models == {"T4", "P100"}


def test_demands_that_are_seldom_are_not_typical() -> None:
    often, seldom = Demand(permille=500), Demand(permille=100)
    assert typical_of([often] * 19 + [seldom]).demands == ((often, 19),)
    assert dict(typical_of([often] * 18 + [seldom] * 2).demands) == {often: 18, seldom: 2}


@pytest.mark.parametrize("pods", [3, 40], ids=["too few pods", "too many pods"])
def test_arrivals_ask_for_a_hundred_and_thirty_per_cent(pods: int) -> None:
    one = Demand(whole=True, permille=1000)
    assert len(arrivals([one] * pods, 10_000, random.Random(1))) == 13


def test_the_command_knows_every_policy() -> None:
    assert POLICIES == policy.POLICIES


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_fills_a_pool_of_equal_gpus_with_whole_ones(policy: str) -> None:
    nodes = [OpenbNode(name, 64_000, 1000, 4, "T4") for name in "abcde"]
    run = run_inflation(nodes, [Demand(whole=True, permille=1000, cpu_milli=1000)] * 20, policy, 42)
    assert run.unallocated[130] == 0
    assert run.dropped == run.arrived - 20


def test_what_fits_on_no_node_is_split_over_two() -> None:
    """One node has the GPUs, the other has the processors."""
    nodes = [OpenbNode("gpus", 1_000, 1000, 4, "T4"), OpenbNode("cpus", 64_000, 1000, 1, "T4")]
    pods = [Demand(whole=True, permille=1000, cpu_milli=4000)] * 5
    assert run_inflation(nodes, pods, "gpool", 42).unallocated[100] == pytest.approx(80)
    split = run_inflation(nodes, pods, "gpool", 42, remote_fallback=True)
    assert split.unallocated[100] == pytest.approx(0)
    assert split.remote == 4


def test_the_command_tells_means_and_deviations(trace: tuple[Path, Path]) -> None:
    trace[0].write_text(NODES.replace("1000,4,T4", "1000,8,T4"))
    trace[1].write_text("\n".join(PODS.splitlines()[:2]))
    words = ["openb", "--nodes", str(trace[0]), "--pods", str(trace[1]), "--seeds", "3", "--processes", "1", "--json"]
    result = CliRunner().invoke(command, words, catch_exceptions=False)
    answer = json.loads(result.output)["unallocated_percent"]
    assert answer["130"].keys() == {"mean", "std", "per_seed"}
    assert len(answer["130"]["per_seed"]) == 3
    assert answer["130"]["mean"] == pytest.approx(sum(answer["130"]["per_seed"]) / 3)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("sn,cpu_milli\n", "no column 'memory_mib'"),
        (NODES.replace("64", "x").replace("16000,1000,4", "x,1,4"), "line 2"),
    ],
)
def test_a_file_that_is_no_trace_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "nodes.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput, match=sentence):
        read_nodes(path)


def philly(tmp_path: Path, *jobs: Job) -> list[Job]:
    path = tmp_path / "philly.csv"
    lines = [
        f"2017-10-{3 + job.submitted // DAY:02.0f} 00:00:00,{job.duration},{job.gpus},{job.cluster}" for job in jobs
    ]
    path.write_text("timestamp,duration,num_gpus,cluster\n" + "\n".join(lines) + "\n")
    return read_jobs(path)


def test_guarantees_are_whole_gpus_by_use_and_nobody_has_none(tmp_path: Path) -> None:
    jobs = philly(tmp_path, Job(0, 10 * DAY, 8, "large"), Job(0, DAY, 1, "small"), Job(0, 10, 1, "tiny"))
    assert guarantees(jobs, 16) == {"large": 14, "small": 1, "tiny": 1}


def test_borrowing_helps_who_borrows_and_reclaim_him_who_lends(tmp_path: Path) -> None:
    """`busy` wants all 16 GPUs for days; `calm`, which owns half, comes a day later."""
    jobs = philly(
        tmp_path,
        *[Job(0, 4 * DAY, 1, "busy") for _ in range(16)],
        *[Job(DAY, 4 * DAY, 1, "calm") for _ in range(8)],
        *[Job(5 * DAY, 4 * DAY, 1, "calm") for _ in range(8)],
        Job(9 * DAY, 60, 1, "busy"),
    )
    partition, fifo, shared = (run_sharing(jobs, 16, sharing, every_s=0) for sharing in ("partition", "fifo", "gpool"))
    assert shared.starved == 0
    assert shared.kept == 1
    assert fifo.starved > 0
    assert fifo.kept < 1
    assert shared.wait_mean_s < partition.wait_mean_s
    assert shared.preemptions == 8
    assert shared.lost_gpu_hours == 0, "they had just written a checkpoint"
    assert partition.preemptions == fifo.preemptions == 0


def test_a_job_larger_than_its_department_runs_only_where_gpus_are_shared(tmp_path: Path) -> None:
    jobs = philly(tmp_path, Job(0, DAY, 12, "large"), Job(0, 2 * DAY, 6, "other"), Job(2 * DAY, DAY, 1, "large"))
    assert run_sharing(jobs, 16, "partition").never == 1
    assert run_sharing(jobs, 16, "gpool").never == 0
    assert run_sharing(jobs, 16, "gpool").jobs == run_sharing(jobs, 16, "partition").jobs == 2


def test_growth_is_measured_on_a_pool_that_is_half_full() -> None:
    grown = measure_growth(200)
    assert grown.gpus >= 200
    assert grown.cycle > grown.decision_p50 > 0
