"""Processes: a spawned one has the device to itself, a forked one is told that it cannot have it, and a tensor on the
device cannot be handed to another (CUDA's handles between processes are not served)."""

from __future__ import annotations

import os
import sys
from multiprocessing.reduction import ForkingPickler

import torch
from torch import multiprocessing


def work(number: int, results: multiprocessing.SimpleQueue[tuple[int, int]]) -> None:
    values = torch.arange(number, number + 1000).pin_memory()
    back = values.to("cuda", non_blocking=True).cpu()
    results.put((number, int(back.sum())))


def main() -> None:
    kept = torch.arange(1000).cuda()
    spawning = multiprocessing.get_context("spawn")
    results = spawning.SimpleQueue()
    children = [spawning.Process(target=work, args=(number, results)) for number in (1, 2)]
    for child in children:
        child.start()
    sums = dict(results.get() for _ in children)
    for child in children:
        child.join(60)
        assert child.exitcode == 0
    assert sums == {number: sum(range(number, number + 1000)) for number in (1, 2)}

    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            torch.arange(3).cuda()
        except RuntimeError as refused:
            os._exit(0 if "forked subprocess" in str(refused) else 2)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0

    try:
        ForkingPickler.dumps(kept)
        raise SystemExit("a tensor of the device was made ready for another process")
    except RuntimeError as refused:
        sentence = str(refused)
        assert "operation not supported" in sentence, sentence
    assert torch.equal(kept.cpu(), torch.arange(1000))
    print("spawned processes computed, the forked one and the tensor were refused")  # noqa: T201


if __name__ == "__main__":
    main()
