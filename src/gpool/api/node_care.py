"""Administration of nodes and GPUs."""

from typing import Annotated

from fastapi import APIRouter, Query

from gpool.api.access import Operator, Pool
from gpool.api.problems import PROBLEMS
from gpool.controller.views import node_view
from gpool.model.care import CordonRequest, DisableRequest, DrainRequest, LabelsRequest, TaintsRequest
from gpool.model.views import NodeView

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["administration"])


@router.post("/nodes/{name}/cordon", operation_id="cordonNode", responses=PROBLEMS(404))
async def cordon_node(name: str, request: CordonRequest, pool: Pool, operator: Operator) -> NodeView:
    """Place nothing new on the node. What runs there goes on."""
    return node_view(pool, await pool.cordon(name, operator.name, request.reason))


@router.post("/nodes/{name}/uncordon", operation_id="uncordonNode", responses=PROBLEMS(404))
async def uncordon_node(name: str, pool: Pool, operator: Operator) -> NodeView:
    """Let the node take leases again; a drain ends with it."""
    return node_view(pool, await pool.uncordon(name, operator.name))


@router.post("/nodes/{name}/drain", operation_id="drainNode", responses=PROBLEMS(404))
async def drain_node(name: str, request: DrainRequest, pool: Pool, operator: Operator) -> NodeView:
    """Cordon the node and wait until its leases have ended; with `grace_s`, end what is left then.

    The answer comes at once; the node is empty when its `leases` are none.
    """
    return node_view(pool, await pool.drain(name, operator.name, request.reason, request.grace_s))


@router.delete("/nodes/{name}/drain", operation_id="cancelDrain", responses=PROBLEMS(404))
async def cancel_drain(name: str, pool: Pool, operator: Operator) -> NodeView:
    """Let the leases stay. A cordon from before the drain stays too."""
    return node_view(pool, await pool.cancel_drain(name, operator.name))


@router.patch("/nodes/{name}/labels", operation_id="labelNode", responses=PROBLEMS(404))
async def label_node(name: str, request: LabelsRequest, pool: Pool, _operator: Operator) -> NodeView:
    """Set labels of the node, or take them away."""
    return node_view(pool, await pool.set_labels(name, request.labels))


@router.patch("/nodes/{name}/taints", operation_id="taintNode", responses=PROBLEMS(404))
async def taint_node(name: str, request: TaintsRequest, pool: Pool, _operator: Operator) -> NodeView:
    """Add taints to the node, or take them away."""
    return node_view(pool, await pool.change_taints(name, request.add, request.remove))


@router.delete("/nodes/{name}", status_code=204, operation_id="removeNode", responses=PROBLEMS(404, 409))
async def remove_node(name: str, pool: Pool, operator: Operator, force: Annotated[bool, Query()] = False) -> None:
    """Forget the node and its key. 409 while leases hold vGPUs there, unless `force`, which ends them at once."""
    await pool.remove_node(name, operator.name, force=force)


@router.post("/gpus/{uuid}/disable", operation_id="disableGpu", responses=PROBLEMS(404))
async def disable_gpu(uuid: str, request: DisableRequest, pool: Pool, operator: Operator) -> NodeView:
    """Take a GPU out: nothing new is placed there. Answers with its node."""
    return node_view(pool, await pool.disable_gpu(uuid, operator.name, request.reason, end_leases=request.end_leases))


@router.post("/gpus/{uuid}/enable", operation_id="enableGpu", responses=PROBLEMS(404))
async def enable_gpu(uuid: str, pool: Pool, operator: Operator) -> NodeView:
    """Put a GPU back. Faults that its node reported so far are settled with it; a new one takes it out again."""
    return node_view(pool, await pool.enable_gpu(uuid, operator.name))
