"""ResNet-18 forward on tinygrad, on the first CUDA device; saves the 1,000 scores of one picture, computed twice."""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from resnet18_weights import STAGES, Convolution, image, weights
from tinygrad import Device, Tensor, TinyJit
from tinygrad.nn import BatchNorm2d, Conv2d


class ConvolutionLayer:
    """tinygrad's own layers, with the given weights."""

    def __init__(self, layer: Convolution) -> None:
        channels, channels_in, size, _ = layer.kernel.shape
        self.convolution = Conv2d(channels_in, channels, size, layer.stride, layer.padding, bias=False)
        self.convolution.weight = Tensor(layer.kernel).realize()
        self.normalisation = BatchNorm2d(channels)
        self.normalisation.weight = Tensor(layer.scale).realize()
        self.normalisation.bias = Tensor(layer.shift).realize()
        self.normalisation.running_mean = Tensor(layer.mean).realize()
        self.normalisation.running_var = Tensor(layer.variance).realize()

    def __call__(self, x: Tensor) -> Tensor:
        return self.normalisation(self.convolution(x))


class ResNet18:
    """As in "Deep residual learning for image recognition"."""

    def __init__(self) -> None:
        layers, last, bias = weights()
        self.layers = {name: ConvolutionLayer(layer) for name, layer in layers.items()}
        self.last, self.bias = Tensor(last).realize(), Tensor(bias).realize()

    def __call__(self, x: Tensor) -> Tensor:
        x = self.layers["stem"](x).relu().max_pool2d((3, 3), stride=2, padding=1)
        for stage in range(len(STAGES)):
            for block in range(2):
                name = f"{stage}.{block}"
                y = self.layers[f"{name}.second"](self.layers[f"{name}.first"](x).relu())
                shortcut = self.layers.get(f"{name}.shortcut")
                x = (y + (x if shortcut is None else shortcut(x))).relu()
        return x.mean(axis=(2, 3)) @ self.last.T + self.bias


def main() -> None:
    network = ResNet18()
    forward = TinyJit(lambda x: network(x).realize())
    # The third runs what the second has captured.
    answers = [forward(Tensor(image()).realize()).numpy()[0] for _ in range(3)]
    for answer in answers[1:]:
        assert np.array_equal(answer, answers[0]), "the same picture got different scores"
    np.save(Path(sys.argv[1]), answers[0])
    print(f"{Device.DEFAULT} scores, best class {answers[0].argmax()}")


if __name__ == "__main__":
    main()
