"""PyTorch work on whatever GPU the loader path leads to; one line of JSON for each piece of work.

    python bench/gpu/work.py [--only NAME …] [--seconds 60]

A line holds: `name`, `step_ms` (median over the repetitions), `values` (what was computed, for comparison with another
run), and, where the driver is gpool's, `wire_operations` and `round_trips` of a step. A piece that fails says `error`,
and the next one is tried.
"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import argparse
import ctypes
import json
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from models import GPT, ResNet
from torch.nn import functional

_REPEATS = 7


@dataclass
class Work:
    """What is repeated, how many steps make a repetition, and how to get the values that are compared."""

    step: Callable[[], object]
    values: Callable[[], torch.Tensor]
    steps: int


class Counters:
    """gpool's own count of wire operations and round trips; nothing where the driver is another."""

    def __init__(self) -> None:
        self._read = getattr(ctypes.CDLL("libcuda.so.1"), "gpool_counters", None)

    def now(self) -> tuple[int, int] | None:
        """(wire operations, round trips) of this process so far."""
        if self._read is None:
            return None
        values = (ctypes.c_uint64 * 2)()
        self._read(values, 2)
        return values[0], values[1]


def _matmul(dtype: torch.dtype, side: int) -> Work:
    a, b = (torch.randn(side, side, device="cuda", dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    return Work(lambda: torch.mm(a, b, out=out), lambda: out[:64, :64].float(), 20)


def _inference(depth: int) -> Work:
    model = ResNet(depth).cuda().eval()
    image = torch.randn(1, 3, 224, 224, device="cuda")
    result: list[torch.Tensor] = []

    def step() -> None:
        with torch.inference_mode():
            result[:] = [model(image)]
        torch.cuda.synchronize()  # latency is what is asked for: each answer is waited for

    return Work(step, lambda: result[0].float(), 20)


def _train_resnet() -> Work:
    model = ResNet(50).cuda().to(memory_format=torch.channels_last)
    images = torch.randn(64, 3, 224, 224, device="cuda").to(memory_format=torch.channels_last)
    labels = torch.randint(0, 1000, (64,), device="cuda")
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    losses: list[torch.Tensor] = []

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            loss = functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.detach())

    return Work(step, lambda: torch.stack(losses[:3]).float(), 5)


def _train_gpt(*, compiled: bool = False, read_loss: bool = True) -> Work:
    model = GPT().cuda()
    forward = torch.compile(model) if compiled else model
    tokens = torch.randint(0, 8192, (8, 257), device="cuda")
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, fused=True)
    losses: list[float | torch.Tensor] = []

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        logits = forward(tokens[:, :-1])
        loss = functional.cross_entropy(logits.reshape(-1, 8192), tokens[:, 1:].reshape(-1))
        loss.backward()
        optimizer.step()
        losses.append(loss.item() if read_loss else loss.detach())

    return Work(step, lambda: torch.tensor([float(one) for one in losses[:5]]), 10)


def _replay() -> Work:
    model = GPT().cuda().eval()
    tokens = torch.randint(0, 8192, (8, 256), device="cuda")
    with torch.inference_mode():
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                model(tokens)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            out = model(tokens)
    return Work(graph.replay, lambda: out[0, :16, :64].float(), 20)


def _works() -> Iterator[tuple[str, Callable[[], Work]]]:
    yield "matmul fp32 2048", lambda: _matmul(torch.float32, 2048)
    yield "matmul bf16 8192", lambda: _matmul(torch.bfloat16, 8192)
    yield "ResNet-18 inference, batch 1", lambda: _inference(18)
    yield "ResNet-152 inference, batch 1", lambda: _inference(152)
    yield "ResNet-50 training, batch 64, bf16", _train_resnet
    yield "GPT training, loss read each step", _train_gpt
    yield "GPT training, loss not read", lambda: _train_gpt(read_loss=False)
    yield "GPT inference, graph replay", _replay
    yield "GPT training, torch.compile", lambda: _train_gpt(compiled=True)


def _measure(work: Work, counters: Counters) -> dict[str, object]:
    for _ in range(5):
        work.step()
    torch.cuda.synchronize()
    record: dict[str, object] = {"values": work.values().cpu().flatten().tolist()}
    times, before = [], counters.now()
    for _ in range(_REPEATS):
        begin = time.perf_counter()
        for _ in range(work.steps):
            work.step()
        torch.cuda.synchronize()
        times.append((time.perf_counter() - begin) / work.steps * 1e3)
    after = counters.now()
    if before is not None and after is not None:
        steps = _REPEATS * work.steps
        record["wire_operations"], record["round_trips"] = (
            (now - then) / steps for then, now in zip(before, after, strict=True)
        )
    record["step_ms"] = statistics.median(times)
    return record


def main() -> int:
    """Runs the works; exit status 1 when one failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], help="run works whose name contains one of these")
    parser.add_argument("--seconds", type=float, default=120.0, help="start no further work after this time")
    options = parser.parse_args()
    begin = time.monotonic()
    torch.backends.cudnn.benchmark = False
    torch.cuda.init()
    counters = Counters()
    failed = False
    for name, make in _works():
        if options.only and not any(part in name for part in options.only):
            continue
        if time.monotonic() - begin > options.seconds:
            print(json.dumps({"name": name, "error": "not started: the time was up"}), flush=True)
            failed = True
            continue
        torch.manual_seed(1)
        try:
            record = _measure(make(), counters)
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            record = {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
            failed = True
        print(json.dumps({"name": name, **record}), flush=True)
        torch.cuda.empty_cache()
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
