"""A 4-layer GPT trains; prints what one step in the steady state costs on the wire. Numbers of a dry run mean nothing.

Arguments: the optimizer (foreach, fused or loop) and the precision (float32 or bfloat16, the latter by autocast).
"""

from __future__ import annotations

import ctypes
import json
import sys

import torch
from torch import nn
from torch.nn import functional

WIDTH, HEADS, LAYERS, WORDS = 256, 4, 4, 1000
BATCH, TOKENS = 2, 64
WARM_UP_STEPS, STEPS = 4, 3


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.before_attention, self.before_mlp = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.inputs, self.output = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.mlp = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = self.inputs(self.before_attention(x)).view(BATCH, TOKENS, 3, HEADS, WIDTH // HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.output(seen.transpose(1, 2).reshape(BATCH, TOKENS, WIDTH))
        return x + self.mlp(self.before_mlp(x))


class Gpt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(WORDS, WIDTH), nn.Embedding(TOKENS, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(LAYERS)))
        self.last, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, text: torch.Tensor, following: torch.Tensor) -> torch.Tensor:
        places = torch.arange(TOKENS, device=text.device)
        x = self.blocks(self.words(text) + self.places(places))
        return functional.cross_entropy(self.head(self.last(x)).view(-1, WORDS), following.view(-1))


def counters() -> tuple[int, int]:
    """Wire operations and round trips so far; zeros on a driver that has no wire."""
    driver = ctypes.CDLL("libcuda.so.1")
    if not hasattr(driver, "gpool_counters"):
        return 0, 0
    values = (ctypes.c_uint64 * 2)()
    driver.gpool_counters(values, 2)
    return values[0], values[1]


def main() -> None:
    kind, precision = sys.argv[1:]
    torch.manual_seed(1)
    model = Gpt().cuda()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=kind == "fused", foreach=kind == "foreach")
    lengths = []
    for number in range(WARM_UP_STEPS + STEPS):
        text = torch.randint(WORDS, (BATCH, TOKENS + 1))
        before = counters()
        inputs, targets = text[:, :-1].contiguous().cuda(), text[:, 1:].contiguous().cuda()
        with torch.autocast("cuda", torch.bfloat16, enabled=precision == "bfloat16"):
            loss = model(inputs, targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss.item()
        after = counters()
        if number >= WARM_UP_STEPS:
            lengths.append([after[0] - before[0], after[1] - before[1]])
    print(json.dumps({"device": torch.cuda.get_device_name(), "steps": lengths}))  # noqa: T201


main()
