"""A step is captured in a graph once and replayed: one wire operation each time, and no round trip."""

from __future__ import annotations

import ctypes

import torch
from torch import nn


def wire_operations() -> tuple[int, int]:
    driver = ctypes.CDLL("libcuda.so.1")
    if not hasattr(driver, "gpool_counters"):
        return 0, 0
    values = (ctypes.c_uint64 * 2)()
    driver.gpool_counters(values, 2)
    return values[0], values[1]


model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10)).cuda()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
inputs = torch.randn(32, 64).cuda()
targets = torch.randint(10, (32,)).cuda()


def step() -> torch.Tensor:
    optimizer.zero_grad(set_to_none=True)
    loss = nn.functional.cross_entropy(model(inputs), targets)
    loss.backward()
    optimizer.step()
    return loss


aside = torch.cuda.Stream()
aside.wait_stream(torch.cuda.current_stream())
with torch.cuda.stream(aside):
    for _ in range(3):
        step()
torch.cuda.current_stream().wait_stream(aside)

graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    assert torch.cuda.is_current_stream_capturing()
    captured = step()
assert not torch.cuda.is_current_stream_capturing()

# Copies between device memory really happen: a graph of one shows that a replay does what was captured.
source, copy = torch.arange(1000).cuda(), torch.zeros(1000, dtype=torch.int64).pin_memory().cuda()
copying = torch.cuda.CUDAGraph()
with torch.cuda.graph(copying):
    copy.copy_(source)
torch.cuda.synchronize()

graph.replay()
before = wire_operations()
for _ in range(10):
    graph.replay()
after = wire_operations()
torch.cuda.synchronize()
assert not after[0] or after[0] - before[0] == 10, (before, after)
assert after[1] == before[1]

source.copy_(torch.arange(1000, 2000))
copying.replay()
assert torch.equal(copy.cpu(), torch.arange(1000, 2000))
captured.item()

# PyTorch's own way: forward and backward as two graphs that share a pool of memory.
graphed = torch.cuda.make_graphed_callables(model, (torch.randn(32, 64, device="cuda", requires_grad=True),))
for _ in range(3):
    graphed(torch.randn(32, 64).cuda().requires_grad_()).sum().backward()
    optimizer.step()
    optimizer.zero_grad()
torch.cuda.synchronize()
graph.reset()
print("replays cost", (after[0] - before[0]) / 10, "wire operations")  # noqa: T201
