"""The messages of the agent channel: JSON texts over one WebSocket, one union, discriminator `kind`.

    agent                                   controller
      │ hello ────────────────────────────────▶ │
      │ ◀──────────────────── welcome | refused │
      │ observed (everything) ────────────────▶ │
      │ ◀────────────────── desired (everything)│
      │ heartbeat, every `heartbeat_s` ───────▶ │
      │ observed, when anything changed ──────▶ │
      │ ◀────────── desired, when that changed  │

Both sides always send the whole of what they know, so a lost message is repaired by reconnecting.
"""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt, StringConstraints, TypeAdapter

from gpool.model.base import LeaseId, Model, NodeName, Text
from gpool.model.gpu import Gpu, GpuFault, GpuUse, LeaseUse, SessionUse
from gpool.model.lease import Vgpu
from gpool.model.node import Labels
from gpool.model.session import Session

__all__ = [
    "CONNECT_PATH",
    "PROTOCOL",
    "AgentMessage",
    "ControllerMessage",
    "Desired",
    "DesiredLease",
    "Heartbeat",
    "Hello",
    "Observed",
    "Refused",
    "Welcome",
    "agent_message",
    "controller_message",
]

CONNECT_PATH = "/api/v1/agents/connect"

PROTOCOL = 3
"""The newest that this version speaks; what may change in it, and when it is raised: `gpool.channel.protocol`."""

Counter = Annotated[StrictInt, Field(ge=0)]


class Hello(Model):
    """The agent's first message. The node token travels as `Authorization: Bearer …` of the upgrade request."""

    kind: Literal["hello"] = "hello"
    protocol: StrictInt = PROTOCOL
    """The one that both sides speak from here on: chosen by the controller when the connection was opened."""
    version: Text
    node: NodeName
    boot_id: Text
    """`/proc/sys/kernel/random/boot_id`."""
    generation: Counter
    """Increases at each start of the agent (seconds since the epoch will do)."""
    labels: Labels | None = None
    """What the agent says of its node; since protocol 3."""


class Observed(Model):
    """Everything that the node sees of itself. At connect and whenever it changes."""

    kind: Literal["observed"] = "observed"
    counter: Counter
    """Increases with each `observed` of a connection."""
    desired_counter: Counter = 0
    """Counter of the last `desired` of this connection that is in force: its leases may be used, all others have been
    revoked at workerd. 0 before the first. The end of a lease is confirmed by an `observed` that carries the counter of
    a `desired` without it, and shows no session of it."""
    gpus: tuple[Gpu, ...]
    unix_path: Text | None = None
    """workerd's socket for shared memory."""
    tcp: Text | None = None
    """workerd's `host:port` as others reach it; null when it does not listen."""
    sessions: tuple[Session, ...] = ()
    gpu_use: tuple[GpuUse, ...] = ()
    lease_use: tuple[LeaseUse, ...] = ()
    session_use: tuple[SessionUse, ...] = ()
    faults: tuple[GpuFault, ...] | None = None
    """All faults of its GPUs that stand; null from an agent that does not look for any. Since protocol 3."""


class Heartbeat(Model):
    """The agent lives; the use of its GPUs."""

    kind: Literal["heartbeat"] = "heartbeat"
    gpu_use: tuple[GpuUse, ...] = ()
    lease_use: tuple[LeaseUse, ...] = ()
    session_use: tuple[SessionUse, ...] = ()


class Welcome(Model):
    """The agent may go on."""

    kind: Literal["welcome"] = "welcome"
    version: Text
    node_key: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    """The key that signs the tickets for this node; for workerd."""
    heartbeat_s: StrictFloat
    """Send a heartbeat this often."""


class Refused(Model):
    """The agent may not go on; the connection is closed after this."""

    kind: Literal["refused"] = "refused"
    reason: str
    """A sentence for the agent's log and its user."""
    retry: StrictBool = False
    """Whether it may be different later: then reconnect after a while. Otherwise end with the sentence."""


class DesiredLease(Model):
    """A lease that may be used on the node, with its vGPUs there."""

    id: LeaseId
    vgpus: tuple[Vgpu, ...]


class Desired(Model):
    """All leases that may be used on the node; sessions of any other are to be ended. At connect and on change."""

    kind: Literal["desired"] = "desired"
    counter: Annotated[StrictInt, Field(ge=1)]
    """Increases with each `desired` of a connection."""
    leases: tuple[DesiredLease, ...]
    revoked: tuple[LeaseId, ...] = ()
    """Leases whose tickets may be within their time but must be refused, also by a workerd that was just started."""


AgentMessage = Annotated[Hello | Observed | Heartbeat, Field(discriminator="kind")]
ControllerMessage = Annotated[Welcome | Refused | Desired, Field(discriminator="kind")]

agent_message: TypeAdapter[Hello | Observed | Heartbeat] = TypeAdapter(AgentMessage)
"""Parses what an agent sends: `agent_message.validate_json(text)`."""

controller_message: TypeAdapter[Welcome | Refused | Desired] = TypeAdapter(ControllerMessage)
"""Parses what a controller sends: `controller_message.validate_json(text)`."""
