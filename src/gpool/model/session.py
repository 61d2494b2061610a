"""Sessions: one client process that uses a lease on one node."""

from typing import Annotated

from pydantic import Field, StrictInt

from gpool.model.base import LeaseId, Model, NodeName, Text

__all__ = ["Session"]


class Session(Model):
    """One connection of one client process to a worker."""

    id: Annotated[StrictInt, Field(ge=0)]
    """Unique on its node as long as workerd runs."""
    node: NodeName
    lease: LeaseId
    worker_pid: StrictInt | None = None
    client_pid: StrictInt | None = None
    client_host: Text = ""
    command: Text = ""
