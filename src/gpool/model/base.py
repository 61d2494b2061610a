"""What all models have in common."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StrictInt, StringConstraints

from gpool.model.ids import LEASE_ID_PATTERN, NODE_NAME_PATTERN, POLICY_NAME_PATTERN

__all__ = ["Bytes", "GpuUuid", "Instant", "LeaseId", "Model", "NodeName", "Permille", "PolicyName", "Text"]


class Model(BaseModel):
    """A value: frozen, and without fields that nobody knows.

    Not strict as a whole: FastAPI validates parsed JSON, where a strict model would refuse lists for tuples and text
    for instants. Numbers are strict one by one instead, so that `true` and `"1"` are not numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")


def _in_utc(instant: datetime) -> datetime:
    # Text that names no zone or another one would compare well but print confusingly.
    return instant.replace(tzinfo=UTC) if instant.utcoffset() == timedelta(0) else instant.astimezone(UTC)


Instant = Annotated[AwareDatetime, AfterValidator(_in_utc)]
"""A point in time, with zone, kept in UTC; RFC 3339 in JSON."""

Bytes = Annotated[StrictInt, Field(ge=0, lt=1 << 63)]
"""A size in bytes."""

Permille = Annotated[StrictInt, Field(ge=0, le=1000)]
"""A share of one GPU's compute in thousandths."""

NodeName = Annotated[str, StringConstraints(pattern=NODE_NAME_PATTERN)]
LeaseId = Annotated[str, StringConstraints(pattern=LEASE_ID_PATTERN)]
PolicyName = Annotated[str, StringConstraints(pattern=POLICY_NAME_PATTERN)]
"""Of a queue, a priority class, a calendar or one of its periods."""

GpuUuid = Annotated[
    str, StringConstraints(pattern=r"^(GPU|MIG)-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
"""A GPU's UUID as NVML prints it."""

Text = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^\x00]*$")]
"""Words that people sent, for information only; bounded."""
