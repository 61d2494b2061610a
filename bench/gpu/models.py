"""The networks that are measured, in plain PyTorch, so that nothing but PyTorch is needed.

ResNet after He et al. (2015), with the stride in the 3x3 convolution; GPT after Radford et al. (2019), with pre-norm
blocks. Weights are random and the same for one seed.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

_RESNETS = {18: (False, (2, 2, 2, 2)), 50: (True, (3, 4, 6, 3)), 152: (True, (3, 8, 36, 3))}


class _Block(nn.Module):
    def __init__(self, inputs: int, width: int, stride: int, bottleneck: bool) -> None:
        super().__init__()
        outputs = width * 4 if bottleneck else width
        shape = (
            [(inputs, width, 1), (width, width, 3), (width, outputs, 1)]
            if bottleneck
            else [(inputs, width, 3), (width, width, 3)]
        )
        strided = 1 if bottleneck else 0
        layers: list[nn.Module] = []
        for index, (of, to, kernel) in enumerate(shape):
            step = stride if index == strided else 1
            layers += [
                nn.Conv2d(of, to, kernel, step, kernel // 2, bias=False),
                nn.BatchNorm2d(to),
                nn.ReLU(inplace=True),
            ]
        self.body = nn.Sequential(*layers[:-1])
        self.skip: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.skip = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.body(x) + self.skip(x))


class ResNet(nn.Module):
    """Images (batch, 3, 224, 224) to 1,000 classes. `depth` is 18, 50 or 152."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        bottleneck, counts = _RESNETS[depth]
        layers: list[nn.Module] = [
            nn.Conv2d(3, 64, 7, 2, 3, bias=False),
            nn.BatchNorm2d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(3, 2, 1),
        ]
        inputs = 64
        for stage, count in enumerate(counts):
            width = 64 << stage
            for index in range(count):
                layers.append(_Block(inputs, width, 2 if stage and not index else 1, bottleneck))
                inputs = width * 4 if bottleneck else width
        self.features = nn.Sequential(*layers)
        self.classify = nn.Linear(inputs, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classify(self.features(x).mean((2, 3)))


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project_in, self.project_out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.project_in(x).view(batch, length, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.project_out(y.transpose(1, 2).reshape(batch, length, width))


class _Layer(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm_1, self.norm_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attend = _Attention(width, heads)
        self.think = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.attend(self.norm_1(x))
        return x + self.think(self.norm_2(x))


class GPT(nn.Module):
    """Tokens (batch, length) to logits (batch, length, tokens)."""

    def __init__(
        self, layers: int = 4, width: int = 256, heads: int = 8, tokens: int = 8192, length: int = 256
    ) -> None:
        super().__init__()
        self.token, self.position = nn.Embedding(tokens, width), nn.Embedding(length, width)
        self.layers = nn.Sequential(*(_Layer(width, heads) for _ in range(layers)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, tokens, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        return self.head(self.norm(self.layers(self.token(x) + self.position(places))))
