"""Autocast with a gradient scaler, which copies its verdict about the gradients back to the host in every step."""

from __future__ import annotations

import torch
from torch import nn

with torch.autocast("cuda", torch.float16):
    assert nn.Linear(64, 64).cuda()(torch.randn(8, 64).cuda()).dtype == torch.float16

model = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10)).cuda()
optimizer = torch.optim.AdamW(model.parameters())
scaler = torch.amp.GradScaler("cuda")
for _ in range(3):
    with torch.autocast("cuda", torch.float16):
        loss = model(torch.randn(8, 64).cuda()).float().sum()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
assert isinstance(scaler.get_scale(), float)
print("the scaler went through three steps")  # noqa: T201
