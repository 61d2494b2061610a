"""Nodes, GPUs, requests and leases to test with."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from gpool.lifecycle.lease import Placed, apply_to_lease, begin_lease
from gpool.model.gpu import Gpu
from gpool.model.lease import Lease, LeaseRequest, Vgpu
from gpool.model.node import Node, NodeState, Taint
from gpool.model.placement import Placement

GIB = 1 << 30
START = datetime(2026, 1, 1, tzinfo=UTC)


class FakeClock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def gpu_uuid(node: str, index: int) -> str:
    digits = hashlib.sha256(f"{node}:{index}".encode()).hexdigest()
    return f"GPU-{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:32]}"


def make_gpus(node: str, *sizes_gib: int, model: str = "Test GPU") -> tuple[Gpu, ...]:
    return tuple(
        Gpu(uuid=gpu_uuid(node, index), index=index, name=model, memory_bytes=size * GIB, emulated=True)
        for index, size in enumerate(sizes_gib)
    )


def make_node(
    name: str,
    *sizes_gib: int,
    state: NodeState = NodeState.READY,
    model: str = "Test GPU",
    labels: dict[str, str] | None = None,
    taints: tuple[Taint, ...] = (),
) -> Node:
    return Node(
        name=name,
        state=state,
        since=START,
        boot_id=f"boot-{name}",
        tcp="127.0.0.1:4000",
        gpus=make_gpus(name, *sizes_gib, model=model),
        labels=labels or {},
        taints=taints,
    )


def make_request(
    vgpus: int = 1,
    gib: float | None = None,
    compute: int = 1000,
    node: str | None = None,
    timeout_s: float | None = None,
    placement: dict[str, object] | None = None,
    **more: Any,
) -> LeaseRequest:
    memory_bytes = None if gib is None else int(gib * GIB)
    return LeaseRequest(
        vgpus=vgpus,
        memory_bytes=memory_bytes,
        compute_permille=compute,
        node=node,
        timeout_s=timeout_s,
        placement=Placement.model_validate(placement or {}),
        **more,
    )


def pending(lease_id: str, request: LeaseRequest | None = None, at_s: float = 0.0) -> Lease:
    lease, _ = begin_lease(lease_id, "ann", request or make_request(), after(at_s))
    return lease


def active(lease_id: str, *where: tuple[str, int], request: LeaseRequest | None = None, gib: float = 8) -> Lease:
    """A lease on these GPUs, (node, index) each."""
    request = request or make_request(vgpus=len(where))
    vgpus = tuple(
        Vgpu(
            ordinal=ordinal,
            node=node,
            gpu_uuid=gpu_uuid(node, index),
            memory_bytes=request.memory_bytes or int(gib * GIB),
            compute_permille=request.compute_permille,
        )
        for ordinal, (node, index) in enumerate(where)
    )
    lease, _ = apply_to_lease(pending(lease_id, request), Placed(vgpus), START)
    return lease
