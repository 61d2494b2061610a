"""ResNet-18's shape and random weights, for the network on tinygrad and for the one on NumPy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["STAGES", "Convolution", "image", "weights"]

Floats = NDArray[np.float32]

STAGES = ((64, 1), (128, 2), (256, 2), (512, 2))
"""Channels, and stride of the first of the two blocks."""


@dataclass(frozen=True)
class Convolution:
    """A convolution without bias, and the batch normalisation behind it."""

    kernel: Floats
    stride: int
    padding: int
    scale: Floats
    shift: Floats
    mean: Floats
    variance: Floats


def weights() -> tuple[dict[str, Convolution], Floats, Floats]:
    """All convolutions by name, and the last layer's matrix (1000, 512) and bias. The same on every machine."""
    random = np.random.default_rng(18)

    def convolution(channels_in: int, channels: int, size: int, stride: int) -> Convolution:
        deviation = np.sqrt(2 / (channels_in * size * size))
        return Convolution(
            kernel=random.normal(0, deviation, (channels, channels_in, size, size)).astype(np.float32),
            stride=stride,
            padding=size // 2,
            scale=random.uniform(0.5, 1.0, channels).astype(np.float32),
            shift=random.normal(0, 0.1, channels).astype(np.float32),
            mean=random.normal(0, 0.1, channels).astype(np.float32),
            variance=random.uniform(0.5, 1.5, channels).astype(np.float32),
        )

    layers = {"stem": convolution(3, 64, 7, 2)}
    channels_in = 64
    for stage, (channels, stride) in enumerate(STAGES):
        for block in range(2):
            name, step = f"{stage}.{block}", stride if block == 0 else 1
            layers[f"{name}.first"] = convolution(channels_in, channels, 3, step)
            layers[f"{name}.second"] = convolution(channels, channels, 3, 1)
            if step != 1 or channels_in != channels:
                layers[f"{name}.shortcut"] = convolution(channels_in, channels, 1, step)
            channels_in = channels
    last = random.normal(0, np.sqrt(1 / 512), (1000, 512)).astype(np.float32)
    return layers, last, random.normal(0, 0.1, 1000).astype(np.float32)


def image() -> Floats:
    """One picture of noise, (1, 3, 224, 224)."""
    return np.random.default_rng(224).normal(0, 1, (1, 3, 224, 224)).astype(np.float32)
