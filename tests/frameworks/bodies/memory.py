"""What the caching allocator says, limits of its own, pools, and segments that grow.

Argument: `nvml` or `none`. PyTorch's expandable segments call through a null pointer where there is no NVML.
"""

from __future__ import annotations

import sys

import torch

torch.cuda.init()
free, total = torch.cuda.mem_get_info()
torch.cuda.reset_peak_memory_stats()
held = torch.empty(16 << 20, dtype=torch.uint8, device="cuda")
assert torch.cuda.max_memory_allocated() == torch.cuda.memory_allocated() == 16 << 20
assert torch.cuda.memory_snapshot()[0]["allocated_size"] == 16 << 20
assert torch.cuda.mem_get_info()[0] <= free - (16 << 20)
del held
torch.cuda.empty_cache()
torch.cuda.synchronize()
assert torch.cuda.mem_get_info() == (free, total)
assert torch.cuda.max_memory_allocated() == 16 << 20

torch.cuda.set_per_process_memory_fraction(0.25)
try:
    torch.empty(total // 2, dtype=torch.uint8, device="cuda")
    raise SystemExit("a quarter of the memory was not the limit")
except torch.cuda.OutOfMemoryError:
    pass
torch.cuda.set_per_process_memory_fraction(1.0)

pool = torch.cuda.MemPool()
with torch.cuda.use_mem_pool(pool):
    assert torch.arange(100).cuda().cpu().sum() == 4950
del pool

if sys.argv[1] == "nvml":
    torch._C._accelerator_setAllocatorSettings("expandable_segments:True")
    pattern = torch.randint(256, (24 << 20,), dtype=torch.uint8)
    growing = [pattern.cuda() for _ in range(8)]
    assert all(torch.equal(one.cpu(), pattern) for one in (growing[0], growing[-1]))
    assert torch.cuda.memory_snapshot()[0]["is_expandable"]
    assert torch.cuda.mem_get_info()[0] <= free - (8 * 24 << 20)
    del growing
    torch.cuda.empty_cache()
print("the allocator's numbers agree")  # noqa: T201
