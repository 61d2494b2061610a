"""The caching allocator finds out that memory is full, says so, and the program goes on."""

from __future__ import annotations

import torch

block_bytes = 64 << 20
_, total = torch.cuda.mem_get_info()
held = []
try:
    while True:
        held.append(torch.empty(block_bytes, dtype=torch.uint8, device="cuda"))
        assert len(held) * block_bytes <= total
except torch.cuda.OutOfMemoryError as full:
    sentence = str(full)
assert "out of memory" in sentence
assert len(held) >= total // block_bytes - 2, (len(held), total)
assert torch.cuda.memory_stats()["num_ooms"] == 1

# Memory of the host that was copied there before is still what it was.
pattern = torch.randint(256, (block_bytes,), dtype=torch.uint8)
held[-1].copy_(pattern)
assert torch.equal(held[-1].cpu(), pattern)

# The allocator gives back what it keeps before it gives up.
held.clear()
large = torch.empty(total // 2, dtype=torch.uint8, device="cuda")
assert torch.cuda.memory_stats()["num_alloc_retries"] >= 1
del large
torch.cuda.empty_cache()
print("went on after", sentence.split(".")[0])  # noqa: T201
