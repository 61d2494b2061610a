"""Layers whose kernels come from cuBLAS, cuBLASLt, cuDNN and PyTorch itself, forwards and backwards, to the end."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel


class Residual(nn.Module):
    """A block of a ResNet."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.long = nn.Sequential(
            *(nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()),
            *(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs)),
        )
        self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.long(x) + self.short(x))


def train(model: nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for _ in range(2):
        answer = model(*inputs)
        out: torch.Tensor = answer[0] if isinstance(answer, tuple) else answer
        out.float().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return out


pictures = torch.randn(4, 3, 64, 64).cuda()
network = nn.Sequential(
    *(nn.Conv2d(3, 16, 7, 2, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(3, 2, 1)),
    *(Residual(16, 32, 1), Residual(32, 64, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)),
).cuda()
assert train(network, pictures).shape == (4, 10)
train(network.to(memory_format=torch.channels_last), pictures.to(memory_format=torch.channels_last))
torch.backends.cudnn.benchmark = True
train(network, torch.randn(4, 3, 96, 96).cuda())
torch.backends.cudnn.benchmark = False

train(nn.Linear(128, 128).cuda().half(), torch.randn(64, 128).cuda().half())
sequences = torch.randn(4, 5, 16).cuda()
for recurrent in (nn.LSTM(16, 32, 2, batch_first=True), nn.GRU(16, 32, batch_first=True), nn.RNN(16, 32)):
    train(recurrent.cuda(), sequences)
train(nn.LSTMCell(16, 32).cuda(), sequences[:, 0])
transformer = nn.Transformer(64, 4, 2, 2, 128, batch_first=True).cuda()
train(transformer, torch.randn(2, 10, 64).cuda(), torch.randn(2, 7, 64).cuda())
with torch.no_grad():
    assert transformer.eval()(torch.randn(2, 10, 64).cuda(), torch.randn(2, 7, 64).cuda()).shape == (2, 7, 64)

query = torch.randn(2, 4, 128, 64, device="cuda", dtype=torch.float16, requires_grad=True)
backends = (SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.CUDNN_ATTENTION, SDPBackend.MATH)
for backend in backends:
    with sdpa_kernel(backend):
        nn.functional.scaled_dot_product_attention(query, query, query).sum().backward()

a = torch.randn(33, 65, device="cuda")
for result in (a @ a.t(), a.softmax(1), a.cumsum(0), a.sort(1).values, a.topk(3).values, torch.dropout(a, 0.5, True)):
    assert result.is_cuda
torch.cuda.manual_seed(3)
assert torch.randperm(7, device="cuda").shape == (7,)
assert (torch.eye(16).to_sparse_csr().cuda() @ torch.randn(16, 4).cuda()).shape == (16, 4)

try:
    torch.fft.fft(torch.randn(256, device="cuda"))
except RuntimeError as refused:
    sentence = str(refused)
    assert "CUFFT" in sentence
torch.cuda.synchronize()
print("every layer ran to the end")  # noqa: T201
