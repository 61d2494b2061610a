"""Faults of NVIDIA GPUs, through NVML: its events, and the state of the memory.

Events (critical XIDs, uncorrectable ECC errors) come once, so they are kept for as long as this process runs; one of
the same kind that comes again replaces the earlier one. The state of the memory (rows that could not be remapped, pages
that wait to be retired) stays until a reset: it is dated at the start of the host, so that it is the same fault
whenever it is looked at. Nothing here waits; what a driver or a GPU does not support is not looked at.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from gpool.hardware.host import booted_at
from gpool.hardware.xids import CONDEMNING
from gpool.model.gpu import FaultKind, GpuFault

__all__ = ["NvidiaFaults"]

_MOST_EVENTS_AT_ONCE = 256
"""A GPU in trouble may report faster than we listen."""

log = structlog.get_logger(__name__)


class NvidiaFaults:
    """nvml: the module `pynvml`, initialised."""

    def __init__(self, nvml: Any) -> None:
        self._nvml = nvml
        self._events: Any = None
        self._listened: set[str] = set()
        self._happened: dict[tuple[str, FaultKind, int | None], tuple[datetime, str]] = {}
        self._known: dict[str, tuple[str, ...]] = {}
        """By the UUID of a GPU: those of what it is offered as, itself or its MIG instances."""
        self._missed: dict[str, datetime] = {}
        """GPUs that were there, and since when they are not."""

    def look(self, gpus: Mapping[str, tuple[Any, Sequence[str]]]) -> tuple[GpuFault, ...]:
        """Faults that stand now. gpus: by UUID, the handle and the UUIDs of what it is offered as."""
        for uuid, (device, offered) in gpus.items():
            self._known[uuid] = tuple(offered)
            self._listen_to(uuid, device)
        self._hear()
        standing = dict(self._happened)
        since = datetime.fromtimestamp(booted_at(), UTC)
        for uuid, (device, _) in gpus.items():
            for kind, detail in self._state_of(device):
                standing[uuid, kind, None] = (since, detail)
        self._missed = {
            uuid: self._missed.get(uuid) or datetime.now(UTC) for uuid in sorted(self._known.keys() - gpus.keys())
        }
        for uuid, missed in self._missed.items():
            standing[uuid, FaultKind.LOST, None] = (missed, "NVML no longer sees it")
        return tuple(
            GpuFault(gpu_uuid=one, kind=kind, code=code, detail=detail, at=at)
            for (uuid, kind, code), (at, detail) in standing.items()
            for one in self._known.get(uuid, ())
        )

    def _listen_to(self, uuid: str, device: Any) -> None:
        if uuid in self._listened:
            return
        self._listened.add(uuid)
        nvml = self._nvml
        try:
            wanted = nvml.nvmlEventTypeXidCriticalError | nvml.nvmlEventTypeDoubleBitEccError
            wanted &= nvml.nvmlDeviceGetSupportedEventTypes(device)
            if wanted:
                if self._events is None:
                    self._events = nvml.nvmlEventSetCreate()
                nvml.nvmlDeviceRegisterEvents(device, wanted, self._events)
        except nvml.NVMLError as error:
            log.warning("faults of this GPU are not reported by the driver", gpu=uuid, reason=str(error))

    def _hear(self) -> None:
        nvml = self._nvml
        for _ in range(_MOST_EVENTS_AT_ONCE):
            if self._events is None:
                return
            try:
                event = nvml.nvmlEventSetWait_v2(self._events, 0)
                uuid = nvml.nvmlDeviceGetUUID(event.device)
            except nvml.NVMLError:  # nothing more has happened, or a GPU is lost, which is seen elsewhere
                return
            self._note(uuid.decode() if isinstance(uuid, bytes) else uuid, event)

    def _note(self, uuid: str, event: Any) -> None:
        now = datetime.now(UTC)
        if event.eventType == self._nvml.nvmlEventTypeDoubleBitEccError:
            self._happened[uuid, FaultKind.ECC, None] = (now, "memory lost data")
            return
        xid = int(event.eventData)
        if xid in CONDEMNING:
            self._happened[uuid, FaultKind.XID, xid] = (now, CONDEMNING[xid])
        else:
            log.info("the driver reported an XID that does not condemn the GPU", gpu=uuid, xid=xid)

    def _state_of(self, device: Any) -> list[tuple[FaultKind, str]]:
        nvml = self._nvml
        found = []
        with contextlib.suppress(nvml.NVMLError):
            *_, failed = nvml.nvmlDeviceGetRemappedRows(device)
            if failed:
                found.append((FaultKind.ROW_REMAP, "a row of its memory could not be remapped"))
        with contextlib.suppress(nvml.NVMLError):
            if nvml.nvmlDeviceGetRetiredPagesPendingStatus(device) == nvml.NVML_FEATURE_ENABLED:
                found.append((FaultKind.RETIRED_PAGES, "pages of its memory wait to be retired"))
        return found
