"""ResNet-18 forward on NumPy: the answer that the network on the GPU is compared with."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from resnet18_weights import STAGES, Convolution, image, weights

Floats = NDArray[np.float32]

EPSILON = 1e-5


def convolve(x: Floats, layer: Convolution) -> Floats:
    """Convolution as one matrix product, then batch normalisation with the layer's own statistics."""
    channels, channels_in, size, _ = layer.kernel.shape
    padded = np.pad(x[0], ((0, 0), (layer.padding, layer.padding), (layer.padding, layer.padding)))
    windows = sliding_window_view(padded, (size, size), axis=(1, 2))[:, :: layer.stride, :: layer.stride]
    _, rows, columns, _, _ = windows.shape
    patches = windows.transpose(0, 3, 4, 1, 2).reshape(channels_in * size * size, rows * columns)
    y = layer.kernel.reshape(channels, -1) @ patches
    factor = layer.scale / np.sqrt(layer.variance + np.float32(EPSILON))
    y = (y - layer.mean[:, None]) * factor[:, None] + layer.shift[:, None]
    return y.reshape(1, channels, rows, columns)


def max_pool(x: Floats) -> Floats:
    """3x3, stride 2, padding 1."""
    padded = np.pad(x[0], ((0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    return sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::2, ::2].max(axis=(3, 4))[None]


def forward() -> Floats:
    """The 1,000 scores of the picture."""
    layers, last, bias = weights()
    x = max_pool(np.maximum(convolve(image(), layers["stem"]), 0))
    for stage in range(len(STAGES)):
        for block in range(2):
            name = f"{stage}.{block}"
            y = np.maximum(convolve(x, layers[f"{name}.first"]), 0)
            y = convolve(y, layers[f"{name}.second"])
            shortcut = layers.get(f"{name}.shortcut")
            x = np.maximum(y + (x if shortcut is None else convolve(x, shortcut)), 0)
    return last @ x.mean(axis=(2, 3))[0] + bias


if __name__ == "__main__":
    np.save(Path(sys.argv[1]), forward())
