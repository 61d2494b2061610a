"""Nodes and GPUs."""

from fastapi import APIRouter

from gpool.api.access import Pool, User
from gpool.api.problems import PROBLEMS
from gpool.controller.views import gpu_views, node_view
from gpool.model.views import GpuView, NodeView

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["nodes"])


@router.get("/nodes", operation_id="listNodes", responses=PROBLEMS())
async def list_nodes(pool: Pool, _user: User) -> list[NodeView]:
    """All nodes that were ever part of the pool, by name."""
    return [node_view(pool, pool.nodes[name]) for name in sorted(pool.nodes)]


@router.get("/nodes/{name}", operation_id="getNode", responses=PROBLEMS(404))
async def get_node(name: str, pool: Pool, _user: User) -> NodeView:
    """One node."""
    return node_view(pool, pool.node(name))


@router.get("/gpus", operation_id="listGpus", responses=PROBLEMS())
async def list_gpus(pool: Pool, _user: User) -> list[GpuView]:
    """All GPUs, by node and index, each with the vGPUs on it."""
    return [view for name in sorted(pool.nodes) for view in gpu_views(pool, pool.nodes[name])]
