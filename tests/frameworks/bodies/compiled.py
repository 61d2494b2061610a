"""torch.compile: what Inductor generates runs, as Triton keeps the PTX in its cubins. So these results are right."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional


def pointwise(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.sin(x) * y + functional.gelu(x - y)


def softmax(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return torch.softmax(x + y, -1).sum(0)


def layer_norm(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return functional.layer_norm(x, (100,)) * y


torch.manual_seed(1)
for function in (pointwise, softmax, layer_norm):
    compiled: Callable[[torch.Tensor, torch.Tensor], torch.Tensor] = torch.compile(function)
    x, y = torch.randn(64, 100), torch.randn(64, 100)
    there = compiled(x.cuda(), y.cuda()).cpu()
    torch.testing.assert_close(there, function(x, y))

# Backwards too. The sum's gradient is a fill by one of PyTorch's own kernels, so it comes from the host here.
x, y = torch.randn(64, 100), torch.randn(64, 100)
inputs = x.cuda().requires_grad_()
torch.compile(pointwise)(inputs, y.cuda()).backward(torch.ones(64, 100).cuda())
wanted = x.clone().requires_grad_()
pointwise(wanted, y).sum().backward()
assert inputs.grad is not None
torch.testing.assert_close(inputs.grad.cpu(), wanted.grad)
print("compiled functions agree with the CPU")  # noqa: T201
