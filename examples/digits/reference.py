"""The same training on NumPy, written out by hand; says whether another training's losses are the same."""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import problem

__all__ = ["largest_difference", "train"]


def train(epochs: int) -> tuple[list[float], float]:
    """The loss of every step, and the accuracy on the held-out images at the end. All in 32-bit floats."""
    digits = problem.load_digits()
    weights = [values.copy() for values in problem.first_weights()]
    velocities = [np.zeros_like(values) for values in weights]
    rate, momentum = np.float32(problem.LEARNING_RATE), np.float32(problem.MOMENTUM)
    losses: list[float] = []
    for epoch in range(epochs):
        for images, labels in problem.batches(digits, epoch):
            rows = np.arange(len(labels))
            before_relu = images @ weights[0] + weights[1]
            hidden = np.maximum(before_relu, 0)
            scores = hidden @ weights[2] + weights[3]
            scores -= scores.max(axis=1, keepdims=True)
            log_sums = np.log(np.exp(scores).sum(axis=1, keepdims=True))
            losses.append(float((log_sums[:, 0] - scores[rows, labels]).mean()))

            to_scores = np.exp(scores - log_sums)
            to_scores[rows, labels] -= 1
            to_scores /= np.float32(len(labels))
            to_hidden = (to_scores @ weights[2].T) * (before_relu > 0)
            gradients = (images.T @ to_hidden, to_hidden.sum(axis=0), hidden.T @ to_scores, to_scores.sum(axis=0))
            for values, velocity, gradient in zip(weights, velocities, gradients, strict=True):
                velocity *= momentum
                velocity += gradient
                values -= rate * velocity
    hidden = np.maximum(digits.test_images @ weights[0] + weights[1], 0)
    predicted = (hidden @ weights[2] + weights[3]).argmax(axis=1)
    return losses, float(np.mean(predicted == digits.test_labels))


def largest_difference(losses: list[float], others: list[float]) -> float:
    """The largest difference of two trainings' losses, relative to the loss, or to 0.01 where that is smaller."""
    if len(losses) != len(others):
        raise ValueError(f"{len(losses)} losses cannot be compared with {len(others)}")
    return max(abs(a - b) / max(abs(b), 0.01) for a, b in zip(losses, others, strict=True))


# Both trainings round each operation to 24 bits, but add up in different orders; the differences grow with the steps.
TOLERANCE = 2e-5


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("losses", type=Path, help="what train.py wrote with --losses")
    other = json.loads(parser.parse_args().losses.read_text())
    losses, accuracy = train(other["epochs"])
    difference = largest_difference(other["losses"], losses)
    same = difference <= TOLERANCE
    print(
        f"NumPy: {len(losses)} steps, last loss {losses[-1]:.6f} (there: {other['losses'][-1]:.6f}), "
        f"held-out accuracy {accuracy:.1%} (there: {other['accuracy']:.1%})"
    )
    print(f"largest relative difference of a loss: {difference:.1e}, {'within' if same else 'BEYOND'} {TOLERANCE:.0e}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
