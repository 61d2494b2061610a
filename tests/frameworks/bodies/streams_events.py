"""Streams order work, events tell about it, and time goes forward between two of them."""

from __future__ import annotations

import torch

side = torch.cuda.Stream()
urgent = torch.cuda.Stream(priority=-1)
assert urgent.priority == -1
assert side != torch.cuda.default_stream()

host = torch.arange(1 << 16, dtype=torch.int32).pin_memory()
begin, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
assert begin.query()  # never recorded
begin.record()
device = host.to("cuda", non_blocking=True)
end.record()
end.synchronize()
assert end.query()
assert begin.elapsed_time(end) >= 0

# A chain over three streams: each waits for the one before it, so the last copy sees what the first one wrote.
copied = torch.cuda.Event()
with torch.cuda.stream(side):
    second = torch.empty_like(device)
    side.wait_stream(torch.cuda.default_stream())
    second.copy_(device, non_blocking=True)
    copied.record()
back = torch.zeros_like(host).pin_memory()
with torch.cuda.stream(urgent):
    urgent.wait_event(copied)
    back.copy_(second, non_blocking=True)
urgent.synchronize()
assert urgent.query()
assert torch.equal(back, host)

for _ in range(100):
    event = torch.cuda.Event()
    event.record(side)
    event.wait(urgent)
torch.cuda.synchronize()
assert side.query()
assert event.query()
external = torch.cuda.ExternalStream(side.cuda_stream)
external.synchronize()
print("streams and events agree")  # noqa: T201
