"""Layers whose kernels come from cuBLAS, cuBLASLt, cuDNN and PyTorch itself, forwards and backwards, to the end."""

from __future__ import annotations

import torch
from torch import nn

picture = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)).cuda()
for _ in range(2):
    picture(torch.randn(4, 3, 32, 32).cuda()).sum().backward()

half = nn.Linear(128, 128).cuda().half()
half(torch.randn(64, 128).cuda().half()).sum().backward()

with torch.autocast("cuda", torch.float16):
    assert nn.Linear(64, 64).cuda()(torch.randn(8, 64).cuda()).dtype == torch.float16

# One of PyTorch's own kernels; cuDNN's recurrent layers do not start on the emulated GPU.
cell = nn.LSTMCell(16, 32).cuda()
cell(torch.randn(4, 16).cuda())[0].sum().backward()

a = torch.randn(33, 65, device="cuda")
for result in (a @ a.t(), a.softmax(1), a.cumsum(0), a.sort(1).values, a.topk(3).values, torch.dropout(a, 0.5, True)):
    assert result.is_cuda
torch.cuda.manual_seed(3)
assert torch.randn(7, device="cuda").shape == (7,)

try:
    torch.fft.fft(torch.randn(256, device="cuda"))
except RuntimeError as refused:
    sentence = str(refused)
    assert "CUFFT" in sentence
torch.cuda.synchronize()
print("every layer ran to the end")  # noqa: T201
