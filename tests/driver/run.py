"""Runs the bodies of this folder against any CUDA driver, with nothing but Python 3.11: no pytest, no network.

    python tests/driver/run.py --driver /usr/lib/x86_64-linux-gnu/libcuda.so.1 --json answers.json
    GPOOL_ENDPOINTS=tcp:HOST:PORT python tests/driver/run.py --way pool --driver build/native/client/libcuda.so.1

Prints one line for each body that did not pass and a sum; the JSON file holds one record per body. Ends with 0 when
every body passed, else with 1. `--way` says whose answers are expected: `real` leaves out what CUDA leaves undefined
and what needs the emulated GPU's settings, `pool` what a client cannot do, `pool-to-real` all of these, since a client
hands many questions on to the driver behind it.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import itertools
import json
import os
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Mark:
    """What pytest keeps of a `@pytest.mark.…`."""

    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Marks:
    """Stands for `pytest.mark`: hangs the marks on the body, where pytest does too."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def mark(*args: Any, **kwargs: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
            def attach(body: Callable[..., None]) -> Callable[..., None]:
                vars(body).setdefault("pytestmark", []).append(Mark(name, args, kwargs))
                return body

            return attach

        return mark


def load_bodies() -> dict[str, list[Callable[..., None]]]:
    """The bodies by module. Bodies may use `pytest.mark` and nothing else of pytest, which need not be installed."""
    stand_in = types.ModuleType("pytest")
    stand_in.mark = Marks()  # type: ignore[attr-defined]
    sys.modules["pytest"] = stand_in
    sys.path.insert(0, str(FOLDER.parent))
    found = {}
    for path in sorted(FOLDER.glob("test_driver_*.py")):
        module = importlib.import_module(f"driver.{path.stem}")
        found[path.stem] = [body for name, body in vars(module).items() if name.startswith("test_") and callable(body)]
    return found


def variants(body: Callable[..., None]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Names and arguments of a body: one for each combination of its parameters."""
    axes = []
    for mark in getattr(body, "pytestmark", []):
        if mark.name != "parametrize":
            continue
        names, values = mark.args[0], mark.args[1]
        if isinstance(names, str):
            names = [name.strip() for name in names.split(",")]
        rows = [row if len(names) > 1 else (row,) for row in values]
        axes.append([(str(number), dict(zip(names, row, strict=True))) for number, row in enumerate(rows)])
    for chosen in itertools.product(*axes):
        label = "-".join(number for number, _ in chosen)
        merged: dict[str, Any] = {}
        for _, values in chosen:
            merged |= values
        yield f"{body.__name__}[{label}]" if label else body.__name__, merged


def left_out(body: Callable[..., None], way: str) -> str | None:
    """Why a body is not run; None: it is."""
    for mark in getattr(body, "pytestmark", []):
        if mark.name == "environment" and way != "emulator":
            return f"needs a driver that knows {', '.join(mark.kwargs)}"
        if mark.name == "ours" and way in ("real", "pool-to-real"):
            return f"CUDA leaves it undefined: {mark.args[0]}"
        if mark.name == "not_through_the_pool" and way in ("pool", "pool-to-real"):
            return str(mark.args[0])
    return None


def run(body: Callable[..., None], values: dict[str, Any], path: Path, way: str) -> str | None:
    """None, or what went wrong."""
    from driver.child import DriverUnderTest, run_in_child

    environment = {}
    with tempfile.TemporaryDirectory(prefix="gpool-behaviour-") as folder:
        if way == "emulator":
            environment = {"GPOOL_EMULATOR_NODE": f"behaviour-{os.getpid()}", "XDG_RUNTIME_DIR": folder}
            for mark in getattr(body, "pytestmark", []):
                if mark.name == "environment":
                    environment |= mark.kwargs
        arguments: dict[str, Any] = {"driver": DriverUnderTest(path, environment), **values}
        if "tmp_path" in inspect.signature(body).parameters:
            arguments["tmp_path"] = Path(folder)
        return run_in_child(body, arguments)


def describe(path: Path) -> dict[str, Any]:
    """The driver's version and the first device's name, asked in a child; empty when there is no device."""
    from driver.child import DriverUnderTest, run_in_child

    with tempfile.NamedTemporaryFile(prefix="gpool-behaviour-") as told:

        def ask(driver: Any) -> None:
            import ctypes

            about = {"driver_version": driver.made("cuDriverGetVersion", ctypes.c_int)}
            driver.check("cuInit", 0)
            about |= {"devices": driver.device_count(), "device": driver.text("cuDeviceGetName", 0)}
            Path(told.name).write_text(json.dumps(about))

        run_in_child(ask, {"driver": DriverUnderTest(path)})
        text = Path(told.name).read_text()
    answer: dict[str, Any] = json.loads(text) if text else {}
    return answer


def say(line: str) -> None:
    """Prints a line at once: whoever waits for a GPU machine wants to see how far it is."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description="Runs the behaviour bodies against a CUDA driver.")
    parser.add_argument("--driver", type=Path, required=True, help="path of a libcuda.so.1")
    ways = ("real", "emulator", "pool", "pool-to-real")
    parser.add_argument("--way", choices=ways, default="real", help="whose answers to expect")
    parser.add_argument("--json", type=Path, help="file that receives one record per body")
    parser.add_argument("--only", default="", help="bodies whose name contains this text")
    parser.add_argument("--seconds", type=float, default=480, help="no further body is begun after so long")
    options = parser.parse_args()
    if not options.driver.is_file():
        parser.error(f"{options.driver} is not a file: name a libcuda.so.1 with --driver")

    modules = load_bodies()
    started = time.monotonic()
    records: list[dict[str, Any]] = []
    for module, bodies in modules.items():
        for body in bodies:
            for name, values in variants(body):
                if options.only not in name:
                    continue
                reason = left_out(body, options.way)
                if reason is None and time.monotonic() - started > options.seconds:
                    reason = f"the time of {options.seconds:.0f} s was over"
                begun = time.monotonic()
                why = reason or run(body, values, options.driver, options.way)
                status = "left out" if reason else "failed" if why else "passed"
                seconds = round(time.monotonic() - begun, 3)
                records.append({"body": f"{module}::{name}", "status": status, "why": why, "seconds": seconds})
                if status == "failed":
                    say(f"FAILED {module}::{name}: {(why or '').strip().splitlines()[-1]}")

    sums = {status: sum(one["status"] == status for one in records) for status in ("passed", "failed", "left out")}
    about = describe(options.driver)
    say(f"{about.get('device', 'no device')}: {', '.join(f'{count} {status}' for status, count in sums.items())}")
    if options.json:
        report = {"driver": str(options.driver), "way": options.way, **about, "sums": sums, "bodies": records}
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if sums["failed"] or not records else 0


if __name__ == "__main__":
    sys.exit(main())
