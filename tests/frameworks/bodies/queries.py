"""What PyTorch asks of a device before it does any work."""

from __future__ import annotations

import torch

assert torch.cuda.is_available()
assert torch.cuda.device_count() == 1
assert "(dry run)" in torch.cuda.get_device_name(), torch.cuda.get_device_name()
properties = torch.cuda.get_device_properties(0)
assert (properties.major, properties.minor) == torch.cuda.get_device_capability() == (12, 1)
assert properties.multi_processor_count > 0
assert properties.warp_size == 32
assert not torch.cuda.is_initialized() or torch.cuda.current_device() == 0

free, total = torch.cuda.mem_get_info()
assert 0 < free <= total == properties.total_memory
assert torch.cuda.memory_allocated() == 0
held = torch.empty(3 << 20, dtype=torch.uint8, device="cuda")
assert torch.cuda.memory_allocated() == 3 << 20
assert torch.cuda.memory_stats()["active.all.current"] == 1
assert torch.cuda.memory_reserved() >= 3 << 20
assert torch.cuda.mem_get_info()[0] <= free - (3 << 20)
del held
assert torch.cuda.memory_allocated() == 0
torch.cuda.empty_cache()
assert torch.cuda.memory_reserved() == 0
torch.cuda.synchronize()
assert torch.cuda.mem_get_info()[0] == free
assert "CUDA" in torch.cuda.memory_summary()
assert torch.cuda.can_device_access_peer(0, 0) is False
assert torch.cuda.get_arch_list()
assert torch.backends.cudnn.is_available()
assert torch.cuda.nccl.version() > (2, 0)
print(torch.cuda.get_device_name(), torch.version.cuda)  # noqa: T201
