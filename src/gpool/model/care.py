"""Bodies of what administrators ask of nodes and GPUs."""

from typing import Annotated

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from gpool.model.base import Model, Text
from gpool.model.node import LabelKey, LabelValue, Taint

__all__ = ["CordonRequest", "DisableRequest", "DrainRequest", "LabelsRequest", "TaintsRequest"]


class CordonRequest(Model):
    """Body of `POST /api/v1/nodes/{name}/cordon`."""

    reason: Text = ""


class DrainRequest(Model):
    """Body of `POST /api/v1/nodes/{name}/drain`."""

    reason: Text = ""
    grace_s: Annotated[StrictFloat | StrictInt, Field(ge=0, le=31_536_000)] | None = None
    """After so many seconds, leases that are left are ended; 0: at once; null: never."""


class LabelsRequest(Model):
    """Body of `PATCH /api/v1/nodes/{name}/labels`."""

    labels: Annotated[
        dict[LabelKey, LabelValue | None], Field(max_length=64, json_schema_extra={"additionalProperties": False})
    ]
    """Those to set; null takes one away. Others stay."""


class TaintsRequest(Model):
    """Body of `PATCH /api/v1/nodes/{name}/taints`."""

    add: Annotated[tuple[Taint, ...], Field(max_length=32)] = ()
    remove: Annotated[tuple[LabelKey, ...], Field(max_length=32)] = ()
    """Keys of taints to take away. Others stay."""


class DisableRequest(Model):
    """Body of `POST /api/v1/gpus/{uuid}/disable`."""

    reason: Text = ""
    end_leases: StrictBool = False
    """Whether the leases on it are ended; otherwise they go on until they end by themselves."""
