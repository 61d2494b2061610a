"""Things on tinygrad, each between cuProfilerStart and cuProfilerStop, so that what it costs is counted apart."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from tinygrad import Context, Device, Tensor, TinyJit
from tinygrad.nn.optim import SGD

_CUDA = ctypes.CDLL("libcuda.so.1")


@contextmanager
def counted() -> Iterator[None]:
    """Nothing is under way before or after."""
    Device[Device.DEFAULT].synchronize()
    assert _CUDA.cuProfilerStart() == 0
    yield
    assert _CUDA.cuProfilerStop() == 0
    Device[Device.DEFAULT].synchronize()


def count_elementwise() -> None:
    """c = a + b, with a buffer for c that tinygrad has kept from before."""
    a, b = (Tensor(np.full((64, 64), value, np.float32)).realize() for value in (1, 2))
    for _ in range(3):
        c = (a + b).realize()
        del c
    with counted():
        c = (a + b).realize()
    assert c.numpy().min() == 3


def count_training_steps() -> None:
    """Forward, backward and SGD of a network of two layers, from the third call on a captured graph."""
    rng = np.random.default_rng(0)
    weights = [Tensor(rng.normal(size=shape).astype(np.float32) / 8).realize() for shape in ((64, 32), (32, 10))]
    optimizer = SGD(weights, lr=0.05)
    images = [Tensor(rng.normal(size=(32, 64)).astype(np.float32)).realize() for _ in range(2)]
    labels = [Tensor(rng.integers(0, 10, 32).astype(np.int32)).realize() for _ in range(2)]

    @TinyJit
    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = ((images @ weights[0]).relu() @ weights[1]).sparse_categorical_crossentropy(labels).backward()
        return loss.realize(*optimizer.schedule_step())

    with Context(TRAINING=1):
        losses = [step(images[0], labels[0]).item() for _ in range(5)]
        with counted():
            loss = step(images[0], labels[0])
        with counted():  # other buffers: their addresses must reach the graph first
            loss = step(images[1], labels[1])
        with counted():
            value = loss.item()
    assert losses[-1] < losses[0]
    assert 0 < value < 10


if __name__ == "__main__":
    count_elementwise()
    count_training_steps()
