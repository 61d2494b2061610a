"""What the API answers and takes, where that is not a noun by itself."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from gpool.model.base import Bytes, LeaseId, Model, NodeName, Permille, PolicyName, Text
from gpool.model.gpu import Gpu, GpuOut
from gpool.model.lease import LeaseView, Vgpu
from gpool.model.node import Node
from gpool.model.session import Session
from gpool.model.token import Action, Role, Token, TokenName

__all__ = [
    "Authority",
    "GpuView",
    "Health",
    "LoginRequest",
    "LoginSettings",
    "NodeView",
    "Problem",
    "ProcessView",
    "RenewAnswer",
    "SessionTicket",
    "TokenCreated",
    "TokenRequest",
    "Version",
    "VgpuView",
]


class Health(Model):
    """`GET /healthz`."""

    status: str = "ok"


class Version(Model):
    """`GET /api/v1/version`."""

    version: str


class Authority(Model):
    """`GET /api/v1/authority`: who vouches for the pool's controllers."""

    certificate: str
    """PEM."""
    fingerprint: str
    """`sha256:` and 64 hexadecimal digits; to be compared with what its operator says."""


class VgpuView(Vgpu):
    """A vGPU on a GPU: whose it is and what it uses."""

    lease: str
    owner: str
    memory_used_bytes: Bytes = 0


class ProcessView(Model):
    """A process that has a context on a GPU: whose it is and what it does there."""

    session: Annotated[StrictInt, Field(ge=0)]
    """Number of its session on the node."""
    lease: str
    owner: str
    host: Text
    """Where it runs."""
    pid: StrictInt | None
    """On that host."""
    command: Text
    memory_used_bytes: Bytes
    compute_busy_permille: Permille
    """Part of the last second in which work of the process was under way."""


class GpuView(Gpu):
    """`GET /api/v1/gpus`: a GPU, where it is, and who shares it."""

    node: NodeName
    node_state: str
    memory_granted_bytes: Bytes
    """Sum of its vGPUs' memory."""
    memory_used_bytes: Bytes
    """What the node measured last."""
    compute_reserved_permille: Permille
    compute_busy_permille: Permille | None
    """Part of the last second in which it was busy, whoever kept it so; null where it cannot be measured."""
    vgpus: tuple[VgpuView, ...]
    processes: tuple[ProcessView, ...] = ()
    out: GpuOut | None = None
    """When it was taken out, why and by whom."""


class NodeView(Node):
    """`GET /api/v1/nodes`: a node, its GPUs with their vGPUs, and the sessions on it."""

    gpu_views: tuple[GpuView, ...]
    sessions: tuple[Session, ...]
    leases: tuple[LeaseId, ...] = ()
    """Those that hold vGPUs on it: what a drain waits for."""


class SessionTicket(Model):
    """How the programs of a lease open sessions on one of its nodes."""

    node: NodeName
    unix_path: str | None
    host_id: str
    """The node's boot id; a launcher with the same one may use `unix_path`."""
    tcp: str | None
    """`host:port`."""
    ticket: str
    """Hexadecimal."""
    vgpus: tuple[Annotated[StrictInt, Field(ge=0)], ...]
    """Ordinals of the lease's vGPUs on this node, in the order of the ticket."""


class RenewAnswer(Model):
    """`POST /api/v1/leases/{id}/renew`: the lease and, when it is active, fresh tickets, one for each node."""

    lease: LeaseView
    sessions: tuple[SessionTicket, ...]


class TokenRequest(Model):
    """Body of `POST /api/v1/tokens`."""

    name: TokenName
    role: Role
    expires_in_s: Annotated[StrictFloat | StrictInt, Field(gt=0, le=315_360_000)] | None = None
    queue: PolicyName | None = None
    """Of requests that name none; it has to be there when they are made."""
    queue_only: StrictBool = False
    """Good for that queue, and those below it, alone: requests in it and leases of it, neither nodes nor policy nor
    tokens."""
    actions: Annotated[tuple[Action, ...], Field(min_length=1, max_length=len(Action))] | None = None
    """Of those that its role allows, the ones that the token is good for; null for all."""
    node: NodeName | None = None
    """Of a node's token: the only name that its agent may have; null for any."""


class LoginSettings(Model):
    """`GET /api/v1/login`: where people log in, and as which client of it."""

    issuer: Text
    client_id: Text
    scopes: tuple[Text, ...]


class LoginRequest(Model):
    """Body of `POST /api/v1/login`."""

    id_token: Annotated[str, StringConstraints(max_length=16_384)]
    """As the identity provider has signed it."""


class TokenCreated(Model):
    """Answer of `POST /api/v1/tokens` and `POST /api/v1/login`: the only time that the token's text is seen."""

    token: Token
    secret: str


class Problem(Model):
    """RFC 9457 problem details."""

    type: Text
    title: Text
    status: StrictInt
    detail: str
