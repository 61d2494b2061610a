"""The live pool as the API shows it."""

import time

from gpool.controller.live_pool import LivePool, NodeNow
from gpool.model.gpu import Gpu
from gpool.model.lease import Lease, LeaseState, LeaseView
from gpool.model.node import Node
from gpool.model.views import GpuView, NodeView, ProcessView, RenewAnswer, SessionTicket, VgpuView
from gpool.security.tickets import TICKET_LIFETIME_S, Ticket, TicketVgpu, seal_ticket

__all__ = ["gpu_view", "gpu_views", "lease_view", "node_view", "renew_answer"]


def lease_view(pool: LivePool, lease: Lease) -> LeaseView:
    """The lease with the sessions that its nodes report."""
    return LeaseView(**dict(lease), sessions=pool.sessions_of(lease))


def node_view(pool: LivePool, node: Node) -> NodeView:
    """The node with its GPUs and sessions."""
    sessions = pool.now_on.get(node.name, NodeNow()).sessions
    leases = tuple(pool.leases_on(node.name))
    return NodeView(**dict(node), gpu_views=gpu_views(pool, node), sessions=sessions, leases=leases)


def gpu_views(pool: LivePool, node: Node) -> tuple[GpuView, ...]:
    """The GPUs of a node, each with its vGPUs."""
    return tuple(gpu_view(pool, node, gpu) for gpu in node.gpus)


def gpu_view(pool: LivePool, node: Node, gpu: Gpu) -> GpuView:
    """A GPU of that node with its vGPUs."""
    now = pool.now_on.get(node.name, NodeNow())
    use = next((use for use in now.gpu_use if use.gpu_uuid == gpu.uuid), None)
    used_by = {use.lease: use.memory_used_bytes for use in now.lease_use if use.gpu_uuid == gpu.uuid}
    here = [
        (lease, vgpu)
        for lease in pool.index.on_node(node.name)
        for vgpu in lease.vgpus
        if vgpu.node == node.name and vgpu.gpu_uuid == gpu.uuid
    ]
    return GpuView(
        **dict(gpu),
        node=node.name,
        node_state=str(node.state),
        memory_granted_bytes=sum(vgpu.memory_bytes for _, vgpu in here),
        memory_used_bytes=use.memory_used_bytes if use else 0,
        compute_reserved_permille=sum(lease.request.reserved_permille for lease, _ in here),
        compute_busy_permille=use.compute_busy_permille if use else None,
        vgpus=tuple(
            VgpuView(**dict(vgpu), lease=lease.id, owner=lease.owner, memory_used_bytes=used_by.get(lease.id, 0))
            for lease, vgpu in here
        ),
        processes=_process_views(pool, now, gpu),
        out=next((out for out in node.gpus_out if out.gpu_uuid == gpu.uuid), None),
    )


def _process_views(pool: LivePool, now: NodeNow, gpu: Gpu) -> tuple[ProcessView, ...]:
    """The sessions that have a context on the GPU."""
    sessions = {session.id: session for session in now.sessions}
    views = []
    for use in now.session_use:
        session = sessions.get(use.session)
        if session is None or use.gpu_uuid != gpu.uuid:
            continue
        lease = pool.leases.get(session.lease)
        views.append(
            ProcessView(
                session=session.id,
                lease=session.lease,
                owner=lease.owner if lease else "",
                host=session.client_host,
                pid=session.client_pid,
                command=session.command,
                memory_used_bytes=use.memory_used_bytes,
                compute_busy_permille=use.compute_busy_permille,
            )
        )
    return tuple(views)


def renew_answer(pool: LivePool, lease: Lease) -> RenewAnswer:
    """The lease and, when it is active, a fresh ticket for each of its nodes; none while it may be moved."""
    nodes = lease.nodes if lease.state is LeaseState.ACTIVE and not lease.movable else ()
    # Not the pool's steady clock: workerd compares with the clock of its own machine.
    now_s = int(time.time())
    return RenewAnswer(
        lease=lease_view(pool, lease), sessions=tuple(_session_ticket(pool, lease, name, now_s) for name in nodes)
    )


def _session_ticket(pool: LivePool, lease: Lease, name: str, now_s: int) -> SessionTicket:
    node = pool.nodes[name]
    vgpus = [vgpu for vgpu in lease.vgpus if vgpu.node == name]
    ticket = Ticket(
        node=name,
        lease=lease.id,
        issued_at_s=now_s,
        expires_at_s=now_s + TICKET_LIFETIME_S,
        vgpus=tuple(TicketVgpu(vgpu.gpu_uuid, vgpu.memory_bytes, vgpu.compute_permille) for vgpu in vgpus),
    )
    return SessionTicket(
        node=name,
        unix_path=node.unix_path,
        host_id=node.boot_id,
        tcp=node.tcp,
        ticket=seal_ticket(ticket, pool.keys[name]).hex(),
        vgpus=tuple(vgpu.ordinal for vgpu in vgpus),
    )
