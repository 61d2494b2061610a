"""Trains a small network on handwritten digits with tinygrad.

Nothing here knows of gpool: the program uses the first CUDA device that it finds.
"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import problem
from tinygrad import Context, Device, Tensor, TinyJit
from tinygrad.nn.optim import SGD


class Network:
    """64 pixels, a hidden layer with ReLU, 10 classes."""

    def __init__(self) -> None:
        self.weights = [Tensor(values).realize() for values in problem.first_weights()]

    def __call__(self, images: Tensor) -> Tensor:
        weight_1, bias_1, weight_2, bias_2 = self.weights
        return (images @ weight_1 + bias_1).relu() @ weight_2 + bias_2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--epochs", type=int, default=30, help="how often the network sees each image (default: %(default)s)"
    )
    parser.add_argument("--losses", type=Path, help="write the loss of every step to this file, as JSON")
    options = parser.parse_args()

    digits = problem.load_digits()
    network = Network()
    optimizer = SGD(network.weights, lr=problem.LEARNING_RATE, momentum=problem.MOMENTUM)

    @TinyJit
    def step(images: Tensor, labels: Tensor) -> Tensor:
        optimizer.zero_grad()
        loss = network(images).sparse_categorical_crossentropy(labels).backward()
        return loss.realize(*optimizer.schedule_step())

    @TinyJit
    def predict(images: Tensor) -> Tensor:
        return network(images).argmax(axis=1).realize()

    print(
        f"training on {Device.DEFAULT}, {len(digits.train_labels)} images, {len(digits.test_labels)} held out",
        flush=True,
    )
    held_out = Tensor(digits.test_images).realize()
    losses: list[float] = []
    began = time.monotonic()
    accuracy = 0.0
    for epoch in range(options.epochs):
        with Context(TRAINING=1):
            for images, labels in problem.batches(digits, epoch):
                losses.append(step(Tensor(images).realize(), Tensor(labels).realize()).item())
        accuracy = float(np.mean(predict(held_out).numpy() == digits.test_labels))
        seconds = time.monotonic() - began
        print(
            f"epoch {epoch + 1:3d}/{options.epochs}  loss {losses[-1]:.4f}  "
            f"held-out accuracy {accuracy:6.1%}  {seconds:5.1f} s",
            flush=True,
        )
    if options.losses:
        options.losses.write_text(json.dumps({"losses": losses, "accuracy": accuracy, "epochs": options.epochs}))


if __name__ == "__main__":
    main()
