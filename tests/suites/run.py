"""Runs the suites of real clients over each way to the emulated GPU: `make test-clients`.

  python tests/suites/run.py                                     everything
  python tests/suites/run.py --suite cupy --way shm              a part; both may be given several times
  python tests/suites/run.py --record                            also writes docs/reference/compatibility/*.json

Ends with 1 when a test fails that tests/suites/catalogue.py does not explain.
"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness.drivers import Driver, DriverName
from harness.toolchain import find_nvrtc
from harness.workerd import Workerd
from suites.catalogue import SUITES, Place, Suite
from suites.record import WAYS, Record

_ROOT = Path(__file__).resolve().parents[2]
_LIMIT_S = 3600
_TEST_LIMIT_S = 300


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", action="append", choices=[suite.name for suite in SUITES])
    parser.add_argument("--way", action="append", choices=WAYS)
    parser.add_argument("--record", action="store_true", help="write docs/reference/compatibility/SUITE-WAY.json")
    parser.add_argument("--jobs", type=int, default=2, help="tests at once (default: %(default)s)")
    parser.add_argument("pytest", nargs="*", help="after --: further arguments for pytest, for a part of a suite")
    options = parser.parse_args()
    native = Path(os.environ.get("GPOOL_NATIVE", _ROOT / "build" / "native")).absolute()
    nvrtc = find_nvrtc()
    if nvrtc is None:
        parser.error("NVRTC is missing; `make test-clients` installs it")
    cache = _ROOT / "build" / "suites"
    cache.mkdir(parents=True, exist_ok=True)
    unexplained = 0
    with Workerd(native) as workerd:
        for suite in SUITES:
            if options.suite and suite.name not in options.suite:
                continue
            for way in options.way or WAYS:
                driver = Driver.reach(way, native, workerd, f"suites-{os.getpid()}")
                unexplained += _run(suite, way, driver, native, cache, nvrtc, options)
    return 1 if unexplained else 0


def _run(
    suite: Suite, way: DriverName, driver: Driver, native: Path, cache: Path, nvrtc: Path, options: argparse.Namespace
) -> int:
    library = native / ("emulator" if way == "emulator" else "client") / "libcuda.so.1"
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="gpool-suite-") as folder:
        place = Place(cache, Path(folder), library, nvrtc)
        environment = driver.environment | {"OMP_NUM_THREADS": "1"} | suite.environment(place)
        run = _run_body if suite.is_body else _run_pytest
        passed, failed, skipped = run(suite, way, place, environment, options)
    seconds = time.monotonic() - began
    reasons = {name: _reason(suite, name, message) for name, message in failed.items()}
    print(
        f"{suite.name:20} {way:9} {len(passed):5} passed {len(failed):4} failed {len(skipped):4} skipped "
        f"{seconds:6.0f} s",
        flush=True,
    )
    unexplained = {name: failed[name] for name, reason in reasons.items() if reason is None}
    for name, message in unexplained.items():
        print(f"  not explained: {name}: {message}", flush=True)
    if options.record and not options.pytest:
        Record(
            suite=suite.name,
            client=suite.client,
            version=suite.version(),
            what=suite.what,
            way=way,
            passed=len(passed),
            failed=len(failed),
            skipped=len(skipped),
            failures=dict(
                sorted(Counter(reasons[name] or f"not explained: {failed[name]}" for name in failed).items())
            ),
            skips=dict(sorted(Counter(skipped.values()).items())),
        ).write()
    return len(unexplained)


def _reason(suite: Suite, name: str, message: str) -> str | None:
    if name in suite.fatal:
        return suite.fatal[name]
    return next((why for pattern, why in suite.known.items() if re.search(pattern, f"{name}: {message}")), None)


def _run_pytest(
    suite: Suite, way: str, place: Place, environment: dict[str, str], options: argparse.Namespace
) -> tuple[list[str], dict[str, str], dict[str, str]]:
    outcomes = place.scratch / "outcomes.json"
    log = place.cache / f"{suite.name}-{way}.log"
    ours = str(Path(__file__).parent)
    path = environment.get("PYTHONPATH")
    environment = environment | {"PYTHONPATH": f"{ours}{os.pathsep}{path}" if path else ours}
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "outcomes", "--outcomes", str(outcomes)),
        *("-c", os.devnull, "-p", "no:cacheprovider", "--tb=short", f"--timeout={_TEST_LIMIT_S}"),
        *(f"--numprocesses={options.jobs}", *suite.arguments(place), *options.pytest),
    ]
    fatal = suite.fatal if way == "emulator" and not options.pytest else {}
    if fatal:
        command += ["-k", " and ".join(f"not {test}" for test in fatal)]
    with log.open("w") as file:
        subprocess.run(
            command,
            cwd=suite.folder(place),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            timeout=_LIMIT_S,
        )
    if not outcomes.exists():
        raise SystemExit(f"{suite.name} did not run to its end; {log} says why")
    found = json.loads(outcomes.read_text())
    return found["passed"], found["failed"] | fatal, found["skipped"]


def _run_body(
    suite: Suite, way: str, place: Place, environment: dict[str, str], options: argparse.Namespace
) -> tuple[list[str], dict[str, str], dict[str, str]]:
    """Each line but the last is a part that has been compared; the last says that all have been."""
    done = subprocess.run(
        [sys.executable, *suite.arguments(place)],
        cwd=suite.folder(place),
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
    )
    lines = done.stdout.splitlines()
    if done.returncode == 0:
        return lines[:-1], {}, {}
    return lines, {"the part after these": (done.stderr.splitlines() or ["no message"])[-1]}, {}


if __name__ == "__main__":
    sys.exit(main())
