"""The training problem, without any framework: data, first weights, order of the batches. Both trainings use it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["BATCH", "HIDDEN", "LEARNING_RATE", "MOMENTUM", "Digits", "batches", "first_weights", "load_digits"]

Floats = NDArray[np.float32]
Labels = NDArray[np.int32]

HIDDEN = 128
BATCH = 64
LEARNING_RATE = 0.05
MOMENTUM = 0.9
_SEED = 20
_HELD_OUT = 360  # of 1,797 images


@dataclass(frozen=True)
class Digits:
    """Handwritten digits: images as rows of 64 values in 0…1, labels 0…9; a part of them held out from training."""

    train_images: Floats
    train_labels: Labels
    test_images: Floats
    test_labels: Labels


def load_digits() -> Digits:
    """scikit-learn's digits (they come with the package; nothing is downloaded), shuffled, the last 360 held out."""
    from sklearn import datasets

    bunch = datasets.load_digits()
    order = np.random.default_rng(_SEED).permutation(len(bunch.target))
    images = (bunch.data[order] / 16.0).astype(np.float32)
    labels = bunch.target[order].astype(np.int32)
    return Digits(images[:-_HELD_OUT], labels[:-_HELD_OUT], images[-_HELD_OUT:], labels[-_HELD_OUT:])


def first_weights() -> tuple[Floats, Floats, Floats, Floats]:
    """Weights and biases of the two layers: (64, HIDDEN), (HIDDEN,), (HIDDEN, 10), (10,)."""
    random = np.random.default_rng(_SEED + 1)
    layer_1 = random.normal(0, np.sqrt(2 / 64), (64, HIDDEN)).astype(np.float32)
    layer_2 = random.normal(0, np.sqrt(1 / HIDDEN), (HIDDEN, 10)).astype(np.float32)
    return layer_1, np.zeros(HIDDEN, np.float32), layer_2, np.zeros(10, np.float32)


def batches(digits: Digits, epoch: int) -> Iterator[tuple[Floats, Labels]]:
    """The batches of one epoch, in an order of its own. The images that fill no batch are left out."""
    order = np.random.default_rng((_SEED + 2, epoch)).permutation(len(digits.train_labels))
    for start in range(0, len(order) - BATCH + 1, BATCH):
        chosen = order[start : start + BATCH]
        yield digits.train_images[chosen], digits.train_labels[chosen]
