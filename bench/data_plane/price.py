"""What every call costs through gpool, beside the same driver called directly: one table, measured in one run.

    python bench/data_plane/price.py --native build/native [--driver FOLDER] [--rounds 3] [--json FILE]

`--driver` names the folder of the libcuda.so.1 that the workers use and that is called directly for comparison; without
it that is the emulated GPU. The ways are taken in turn within each round, so that a change of the machine's mood meets
all of them; a figure is the median over the rounds. Nothing but the standard library is needed, and valgrind for
the instruction counts (left out where it is absent).
"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import argparse
import json
import os
import platform
import re
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parents[1] / "tests"))

from harness.drivers import DRIVERS, Driver, DriverName  # noqa: E402
from harness.workerd import Workerd  # noqa: E402

_PATIENCE_S = 180.0
_SIZES = ("4KiB", "64KiB", "1MiB", "16MiB", "128MiB")
_MODULE_BYTES = 16 << 20
_INSTRUCTIONS_LAUNCHES = 2000

Figures = dict[DriverName | str, dict[str, float]]
"""way -> name of the figure -> its median over the rounds."""


@dataclass(frozen=True)
class Row:
    """One line of the table.

    `budget` is a limit for each way as (kind, bound): "at most" bounds the figure itself, "beyond" the figure minus the
    direct one, "share" the figure as a fraction of the reference, "times" as a multiple of it.
    `reference` names what the ratios divide by, where that is not the direct way's figure of the same name.
    """

    name: str
    figure: str
    unit: str
    more_is_better: bool = False
    budget: tuple[tuple[DriverName, str, float], ...] = ()
    reference: tuple[tuple[DriverName, str, str], ...] = ()


def _rows() -> Iterator[Row]:
    yield Row("asynchronous launch, 8 parameters", "launch_call", "ns", budget=(("shm", "at most", 300.0),))
    yield Row("the same in bursts of 64, all that this core did meanwhile", "launch_in_bursts", "ns")
    yield Row("the same, instructions", "launch_instructions", "Ir")
    yield Row("launches a second", "launch_rate", "1/s", more_is_better=True)
    yield Row(
        "blocking round trip (4 bytes to the host)",
        "round_trip",
        "us",
        budget=(("shm", "beyond", 5.0), ("tcp", "beyond", 30.0)),
    )
    yield Row(
        "launch and wait for it",
        "launch_and_wait",
        "us",
        budget=(("shm", "beyond", 5.0), ("tcp", "beyond", 30.0)),
    )
    for way, words in (("h2d", "to the device"), ("d2h", "to the host")):
        for memory in ("pinned", "pageable"):
            for size in _SIZES:
                large = size in ("16MiB", "128MiB")
                yield Row(
                    f"copy {words}, {memory}, {size}",
                    f"{way}_{memory}_{size}",
                    "GB/s",
                    more_is_better=True,
                    budget=(
                        *((("shm", "share", 0.95),) if memory == "pinned" and large else ()),
                        *((("tcp", "share", 0.90),) if large else ()),
                    ),
                    reference=(("tcp", "socket", f"copy_{size}"),),
                )
    yield Row("allocate and free 4 KiB", "allocate_free_4KiB", "us")
    yield Row("allocate and free 4 MiB", "allocate_free_4MiB", "us")
    yield Row("allocate 4 MiB and keep it", "allocate_64x4MiB", "us")
    yield Row(f"load a module of {_MODULE_BYTES >> 20} MiB, new to the node", "module_cold", "ms")
    yield Row("the same in the next process", "module_cached", "ms")
    yield Row(
        "process start to first kernel",
        "start",
        "ms",
        budget=(("shm", "times", 1.1), ("tcp", "times", 1.1)),
    )


def _read(text: str) -> dict[str, float]:
    return {row["name"]: float(row["value"]) for row in map(json.loads, text.splitlines())}


def _measure(driver: Driver, price: str, image: str) -> dict[str, float]:
    """One round over one way."""
    figures: dict[str, float] = {}
    for what in ("calls", "copies", "allocation"):
        figures |= _read(driver.run([price, what], _PATIENCE_S))
    for name in ("module_cold", "module_cached"):
        figures[name] = _read(driver.run([price, "module", image, str(_MODULE_BYTES)], _PATIENCE_S))["module_first"]
    starts = []
    for _ in range(7):
        begin = time.clock_gettime(time.CLOCK_MONOTONIC)
        starts.append(_read(driver.run([price, "start"], _PATIENCE_S))["first_kernel_at"] - begin)
    figures["start"] = statistics.median(starts) * 1e3
    return figures


def _instructions(driver: Driver, price: str, folder: Path) -> float | None:
    """Instructions that the calling thread spends in one launch; None where valgrind is not at hand."""
    if shutil.which("valgrind") is None:
        return None
    profile = folder / "callgrind.out"
    subprocess.run(
        [
            *("valgrind", "--tool=callgrind", "--toggle-collect=cuLaunchKernel", f"--callgrind-out-file={profile}"),
            *(price, "launches", str(_INSTRUCTIONS_LAUNCHES)),
        ],
        env=driver.environment,
        check=True,
        capture_output=True,
        timeout=_PATIENCE_S,
    )
    total = re.search(r"^(?:summary|totals): (\d+)", profile.read_text(), re.MULTILINE)
    return int(total[1]) / _INSTRUCTIONS_LAUNCHES if total else None


@contextmanager
def _workerd(native: Path, folder: Path | None) -> Iterator[Workerd]:
    with Workerd(native, driver=folder) if folder else Workerd(native) as running:
        yield running


def measure(native: Path, folder: Path | None, rounds: int) -> Figures:
    """All figures of all ways. Raises AssertionError with the program's output when one of them fails."""
    price = str(native / "bench" / "gpool-price")
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with _workerd(native, folder) as workerd, tempfile.TemporaryDirectory() as scratch:
        node = f"bench-{os.getpid()}"
        ways = {name: Driver.reach(name, native, workerd, node, folder) for name in DRIVERS}
        for number in range(rounds):
            for name, driver in ways.items():
                print(f"round {number + 1} of {rounds}: {name}", file=sys.stderr)
                for figure, value in _measure(driver, price, f"image_{secrets.token_hex(8)}").items():
                    samples[name][figure].append(value)
            plain = subprocess.run([price, "socket"], check=True, capture_output=True, text=True, timeout=_PATIENCE_S)
            for figure, value in _read(plain.stdout).items():
                samples["socket"][figure].append(value)
        for name, driver in ways.items():
            count = _instructions(driver, price, Path(scratch))
            if count is not None:
                samples[name]["launch_instructions"].append(count)
        workerd.wait_until_idle()
    return {way: {name: statistics.median(values) for name, values in of.items()} for way, of in samples.items()}


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def _verdict(figures: Figures, row: Row, way: DriverName, kind: str, bound: float) -> tuple[str, bool]:
    value, direct = figures[way][row.figure], figures["emulator"][row.figure]
    compared = _reference(figures, row, way)
    match kind:
        case "at most":
            return f"<= {bound:g} {row.unit}", value <= bound
        case "beyond":
            return f"<= +{bound:g} {row.unit}", value - direct <= bound
        case "times":
            return f"<= {bound:g}x", value <= bound * direct
        case _:
            return f">= {bound:.0%}", compared is not None and value >= bound * compared


def _floor(figures: Figures, way: DriverName, kind: str, bound: float) -> str:
    """What no program over TCP can do better on this machine, where that alone is beyond the budget."""
    plain = figures["socket"]["round_trip"]
    return (
        f" (a plain socket alone: {_number(plain)} us)" if way == "tcp" and kind == "beyond" and plain > bound else ""
    )


def _reference(figures: Figures, row: Row, way: DriverName) -> float | None:
    for name, other, figure in row.reference:
        if name == way:
            return figures.get(other, {}).get(figure)
    return figures["emulator"].get(row.figure)


def table(figures: Figures) -> str:
    """The figures as a table in Markdown, with ratios, budgets and whether they hold."""
    lines = [
        "| what | unit | direct | shm | ratio | TCP | ratio | plain socket | budget |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for row in _rows():
        if row.figure not in figures["emulator"]:
            continue
        cells = [row.name, row.unit, _number(figures["emulator"][row.figure])]
        for way in ("shm", "tcp"):
            value, compared = figures[way].get(row.figure), _reference(figures, row, way)
            cells += [_number(value), f"{value / compared:.2f}" if value is not None and compared else "-"]
        plain = {figure for _, other, figure in row.reference if other == "socket"} or {row.figure}
        cells.append(_number(next((figures["socket"][one] for one in plain if one in figures["socket"]), None)))
        verdicts = []
        for way, kind, bound in row.budget:
            text, held = _verdict(figures, row, way, kind, bound)
            verdicts.append(f"{way} {text}: {'held' if held else 'MISSED'}{_floor(figures, way, kind, bound)}")
        cells.append("; ".join(verdicts) or "-")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Measures, prints the table, writes the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--native", type=Path, required=True, help="the build folder of the native tree")
    parser.add_argument("--driver", type=Path, help="folder of the libcuda.so.1 to measure; default: the emulated GPU")
    parser.add_argument("--rounds", type=int, default=3, help="how often each way is measured (default 3)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    native = options.native.absolute()
    if not (native / "bench" / "gpool-price").exists():
        parser.error(f"{native} has no bench/gpool-price; configure the native tree with -DGPOOL_BUILD_BENCH=ON")
    figures = measure(native, options.driver.absolute() if options.driver else None, options.rounds)
    load = os.getloadavg()[0]
    print(f"\n{platform.machine()}, {os.cpu_count()} cores, load {load:.1f} at the end, {options.rounds} rounds\n")
    print(table(figures))
    print("\nA ratio is the figure over the direct one; of copies over TCP, over the plain socket's.")
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        record = {"cores": os.cpu_count(), "load": load, "rounds": options.rounds, "figures": figures}
        options.json.write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
