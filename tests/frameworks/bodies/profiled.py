"""torch.profiler asks CUPTI, which cannot look into this device, and records what the CPU does."""

from __future__ import annotations

import torch
from torch.profiler import ProfilerActivity, profile

with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiled:
    torch.arange(10).cuda() + 1
assert "aten::add" in {event.name for event in profiled.events()}
print("profiled what the CPU did")  # noqa: T201
