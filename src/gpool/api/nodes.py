"""Nodes and GPUs."""

from typing import Annotated

from fastapi import APIRouter, Query

from gpool.api.access import Pool, User
from gpool.api.pages import Asked, page_of
from gpool.api.problems import PROBLEMS
from gpool.controller.views import gpu_view, node_view
from gpool.model.base import NodeName
from gpool.model.node import NodeState
from gpool.model.pages import Page
from gpool.model.views import GpuView, NodeView

__all__ = ["router"]

router = APIRouter(prefix="/api/v1", tags=["nodes"])


@router.get("/nodes", operation_id="listNodes", responses=PROBLEMS())
async def list_nodes(
    pool: Pool,
    _user: User,
    asked: Asked,
    state: Annotated[list[NodeState] | None, Query(description="In one of these states.")] = None,
) -> Page[NodeView]:
    """All nodes that were ever part of the pool, by name."""
    found = (node for node in pool.nodes.values() if state is None or node.state in state)
    return page_of(asked, found, lambda node: node.name, lambda node: node_view(pool, node))


@router.get("/nodes/{name}", operation_id="getNode", responses=PROBLEMS(404))
async def get_node(name: str, pool: Pool, _user: User) -> NodeView:
    """One node."""
    return node_view(pool, pool.node(name))


@router.get("/gpus", operation_id="listGpus", responses=PROBLEMS())
async def list_gpus(
    pool: Pool,
    _user: User,
    asked: Asked,
    node: Annotated[NodeName | None, Query(description="Of that node.")] = None,
) -> Page[GpuView]:
    """All GPUs, by node and index, each with the vGPUs on it."""
    nodes = pool.nodes.values() if node is None else [pool.nodes[node]] if node in pool.nodes else []
    found = ((node, gpu) for node in nodes for gpu in node.gpus)
    return page_of(
        asked,
        found,
        # '!' sorts before every sign of a node's name.
        lambda pair: f"{pair[0].name}!{pair[1].index:04}!{pair[1].uuid}",
        lambda pair: gpu_view(pool, *pair),
    )
