"""Reads the Alibaba GPU trace of 2023 ("openb"): a list of nodes, and lists of pods that ask for them."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gpool.errors import InvalidInput
from gpool.scheduler.demand import WHOLE, Demand
from gpool.scheduler.index import GpuSlot, PoolIndex
from gpool.scheduler.typical import TypicalWorkload, demands_of

__all__ = ["OpenbNode", "empty_index", "read_nodes", "read_pods", "typical_of"]

_UNIT_BYTES = 1
"""The trace says nothing of the GPUs' memory; shares are shares of compute."""


@dataclass(frozen=True, slots=True)
class OpenbNode:
    """A machine of the trace."""

    name: str
    cpu_milli: int
    memory_mib: int
    gpus: int
    model: str


def read_nodes(path: Path) -> list[OpenbNode]:
    """The nodes of a node list. Raises `InvalidInput`."""
    columns = ("sn", "cpu_milli", "memory_mib", "gpu", "model")
    return [
        OpenbNode(row["sn"], int(row["cpu_milli"]), int(row["memory_mib"]), int(row["gpu"]), row["model"])
        for row in _rows(path, columns, numbers=("cpu_milli", "memory_mib", "gpu"))
    ]


def read_pods(path: Path) -> list[Demand]:
    """The demands of a pod list, in the order of their names. Raises `InvalidInput`."""
    numbers = ("cpu_milli", "memory_mib", "num_gpu", "gpu_milli")
    rows = sorted(_rows(path, ("name", *numbers), numbers), key=lambda row: row["name"])
    known: dict[Demand, Demand] = {}
    pods = (_demand(row) for row in rows)
    return [known.setdefault(pod, pod) for pod in pods]


def typical_of(pods: list[Demand]) -> TypicalWorkload:
    """What is typical of these pods; host memory does not tell them apart."""
    return TypicalWorkload.of(demands_of(replace(pod, memory_mib=0) for pod in pods))


def empty_index(nodes: list[OpenbNode], order: dict[str, int], reserved_cpu_milli: int = 0) -> PoolIndex:
    """The trace's cluster with nothing on it. `reserved_cpu_milli` per GPU is kept off every node's processors."""
    index = PoolIndex()
    hosts = {node.name: (node.cpu_milli - reserved_cpu_milli * node.gpus, node.memory_mib) for node in nodes}
    index.put_nodes(
        ((node.name, [GpuSlot("", _UNIT_BYTES, node.model)] * node.gpus, True) for node in nodes), hosts=hosts
    )
    index.set_order(order)
    return index


def _demand(row: dict[str, str]) -> Demand:
    vgpus = int(row["num_gpu"])
    milli = min(int(row["gpu_milli"]), WHOLE) if vgpus else 0
    return Demand(
        vgpus=vgpus,
        whole=milli == WHOLE or vgpus > 1,
        permille=milli,
        cpu_milli=int(row["cpu_milli"]) or 100,
        memory_mib=int(row["memory_mib"]),
        models=frozenset(filter(None, (row.get("gpu_spec") or "").split("|"))),
    )


def _rows(path: Path, columns: tuple[str, ...], numbers: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in columns if column not in (reader.fieldnames or ())]
            if missing:
                raise InvalidInput(f"{path} has no column '{missing[0]}'; is it a list of the openb trace?")
            for row in reader:
                wrong = [column for column in numbers if not (row[column] or "").isdigit()]
                if wrong:
                    raise InvalidInput(
                        f"{path}, line {reader.line_num}: {wrong[0]} is no whole number: {row[wrong[0]]!r}"
                    )
                yield row
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror}; name a file of the openb trace") from error
