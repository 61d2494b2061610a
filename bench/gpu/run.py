"""gpool on a real GPU, against the same GPU without gpool. One command, a bare machine, under nine minutes.

    python3 bench/gpu/run.py [--out bench/results] [--seconds 520] [--build build/gpu]

Needs an NVIDIA GPU with its driver, the CUDA toolkit (nvcc, cuda.h), cmake, g++ >= 12 and a Python that holds PyTorch.
Needs no network, and none of the packages that the rest of gpool uses. It builds the native tree, then runs, each
natively and through a workerd over shared memory and over TCP: the CUDA programs of the tests, the suite of the
driver's behaviour, what single calls cost, and PyTorch. Prints tables and writes them, with the figures as JSON, into
the folder `--out`, under the name of the device. What fails is listed and the rest goes on; the exit status is then 1.
"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import argparse
import datetime
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(_ROOT / "tests"), str(_ROOT / "bench" / "data_plane")]

import price as data_plane  # noqa: E402

from harness.drivers import DRIVERS, Driver  # noqa: E402
from harness.workerd import Workerd  # noqa: E402

_WAYS = {"emulator": "native", "shm": "shm", "tcp": "TCP"}
"""The harness calls the direct way by the name that it has in the tests."""

_TORCH_START = "import torch; torch.zeros(1, device='cuda').item()"


@dataclass
class Report:
    """Everything that is found out, written after every phase: a run that is cut short leaves what it had."""

    folder: Path
    deadline: float
    device: str = "unknown GPU"
    record: dict[str, Any] = field(default_factory=dict)
    text: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def left(self, at_most: float) -> float:
        """Seconds that a phase may still take."""
        return max(1.0, min(at_most, self.deadline - time.monotonic()))

    def say(self, *lines: str) -> None:
        """Prints, and keeps for the page."""
        self.text += lines
        print(*lines, sep="\n", flush=True)

    def fail(self, what: str) -> None:
        """Notes a failure; the first lines of `what` are kept."""
        self.failures.append(what[:2000])
        print(f"FAILED {what[:3000]}", flush=True)

    def write(self) -> None:
        """The JSON and the page."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = re.sub(r"[^a-z0-9]+", "-", self.device.lower()).strip("-")
        record = {"device": self.device, **self.record, "failures": self.failures}
        (self.folder / f"{name}.json").write_text(json.dumps(record, indent=1, sort_keys=True) + "\n")
        failed = (
            ["", "## What failed", "", *(f"- {one.splitlines()[0]}" for one in self.failures)] if self.failures else []
        )
        (self.folder / f"{name}.md").write_text("\n".join([f"# {self.device}", "", *self.text, *failed]) + "\n")


@dataclass(frozen=True)
class Done:
    """How a command ended. `code` is None when it was ended because its time was up."""

    code: int | None
    out: str
    err: str

    @property
    def why(self) -> str:
        """The end of what it said."""
        return (
            f"{'timed out' if self.code is None else f'exit status {self.code}'}: {self.err[-1500:]} {self.out[-500:]}"
        )


def execute(command: list[str], environment: dict[str, str], seconds: float, folder: Path | None = None) -> Done:
    """Runs a command in a process group of its own and ends the whole group when the time is up."""
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out, err = process.communicate()
        return Done(None, out, err)
    return Done(process.returncode, out, err)


def build(report: Report, folder: Path) -> bool:
    """The client, the worker, NVML and the program that prices calls. Not the emulated GPU."""
    begin = time.monotonic()
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    configure = [
        "cmake",
        "-S",
        str(_ROOT / "native"),
        "-B",
        str(folder),
        *generator,
        "-DCMAKE_BUILD_TYPE=Release",
        "-DGPOOL_BUILD_BENCH=ON",
    ]
    for command in (configure, ["cmake", "--build", str(folder), "-j", str(os.cpu_count() or 4)]):
        done = execute(command, dict(os.environ), report.left(240))
        if done.code != 0:
            report.fail(f"build: {done.why}")
            return False
    report.record["build_s"] = round(time.monotonic() - begin, 1)
    report.say(f"Native tree built in {report.record['build_s']} s on {os.cpu_count()} cores.", "")
    return True


def system_driver(scratch: Path) -> Path:
    """A folder that holds NVIDIA's libcuda.so.1 and libnvidia-ml.so.1 alone. Raises SystemExit without a driver."""
    found = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=False).stdout
    folder = scratch / "driver"
    folder.mkdir()
    for name in ("libcuda.so.1", "libnvidia-ml.so.1"):
        path = re.search(rf"{re.escape(name)} .*x86-64.*=> (\S+)", found)
        places = (
            [Path(path[1])]
            if path
            else [Path(one) / name for one in ("/usr/local/nvidia/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib64")]
        )
        real = next((place for place in places if place.exists()), None)
        if real is not None:
            (folder / name).symlink_to(real.resolve())
    if not (folder / "libcuda.so.1").exists():
        raise SystemExit("No libcuda.so.1 was found: this needs a machine with an NVIDIA GPU and its driver.")
    return folder


def programs(report: Report, ways: dict[str, Driver], scratch: Path) -> None:
    """The CUDA programs of the tests: each compares the GPU's answers with the CPU's itself."""
    sources = sorted((_ROOT / "tests" / "cuda_programs").glob("*.cu"))
    nvcc = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    environment = dict(os.environ)

    def compiled(source: Path) -> tuple[Path, Done]:
        # A program that needs instructions of one generation says so in its first line.
        first = source.read_text().partition("\n")[0]
        flags = first.removeprefix("// nvcc:").split() if first.startswith("// nvcc:") else ["-arch=native"]
        return source, execute(
            [nvcc, *flags, "-o", str(scratch / source.stem), str(source)], environment, report.left(120)
        )

    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        built = list(pool.map(compiled, sources))
    rows: dict[str, dict[str, str]] = {}
    for source, done in built:
        if done.code != 0:
            report.fail(f"nvcc {source.name}: {done.why}")
            continue
        outputs = {}
        for way, driver in ways.items():
            ran = execute([str(scratch / source.stem)], driver.environment, report.left(25))
            last = ran.out.splitlines()[-1] if ran.out else ""
            passed = ran.code == 0 and last.startswith(f"PASS {source.stem}")
            outputs[_WAYS[way]] = "passed" if passed else "failed"
            if not passed:
                report.fail(f"CUDA program {source.stem} over {_WAYS[way]}: {ran.why}")
        rows[source.stem] = outputs
    report.record["cuda_programs"] = rows
    counts = {way: sum(row[way] == "passed" for row in rows.values()) for way in _WAYS.values()}
    report.say(
        "## CUDA programs", "", *(f"- {way}: {count} of {len(rows)} passed" for way, count in counts.items()), ""
    )


def behaviour(report: Report, ways: dict[str, Driver], scratch: Path) -> None:
    """The suite of the driver's behaviour; what fails natively is a fault of the suite's expectation."""
    runner = _ROOT / "tests" / "driver" / "run.py"
    report.say("## The driver's behaviour", "")
    if not runner.exists():
        report.fail("tests/driver/run.py is absent")
        return
    report.record["behaviour"] = {}
    for way, driver in ways.items():
        result = scratch / f"behaviour-{way}.json"
        library = Path(driver.environment["LD_LIBRARY_PATH"]) / "libcuda.so.1"
        done = execute(
            [
                *(sys.executable, str(runner), "--driver", str(library), "--json", str(result)),
                *("--way", "real" if way == "emulator" else "pool-to-real"),
            ],
            driver.environment,
            report.left(60),
        )
        if not result.exists():
            report.fail(f"behaviour over {_WAYS[way]}: {done.why}")
            continue
        answers = json.loads(result.read_text())
        report.record["behaviour"][_WAYS[way]] = answers
        last = done.out.strip().splitlines()[-1] if done.out.strip() else "no summary"
        report.say(f"- {_WAYS[way]}: {last}")
        if done.code != 0:
            report.fail(f"behaviour over {_WAYS[way]}: {done.out[-1500:]}")
    report.say("")


def calls(report: Report, native: Path, folder: Path) -> None:
    """What single calls cost: the table of `make bench`, with NVIDIA's driver as the direct way."""
    try:
        figures = data_plane.measure(native, folder, 1)
    except (AssertionError, OSError, subprocess.SubprocessError) as error:
        report.fail(f"the price of calls: {error}")
        return
    report.record["calls"] = figures
    report.say("## What calls cost", "", data_plane.table(figures), "")


def starts(report: Report, ways: dict[str, Driver]) -> None:
    """Wall time of a program that imports PyTorch and touches the GPU once."""
    seconds: dict[str, float] = {}
    for way, driver in ways.items():
        times = []
        for _ in range(3):
            begin = time.monotonic()
            done = execute([sys.executable, "-c", _TORCH_START], driver.environment, report.left(40))
            if done.code != 0:
                report.fail(f"PyTorch's start over {_WAYS[way]}: {done.why}")
                break
            times.append(time.monotonic() - begin)
        if times:
            seconds[_WAYS[way]] = min(times)
    report.record["torch_start_s"] = seconds
    native = seconds.get("native")
    report.say("## Import PyTorch, one value on the GPU and back", "")
    for way, value in seconds.items():
        report.say(f"- {way}: {value:.2f} s" + (f" ({value / native:.2f}x)" if native else ""))
    report.say("")


def _largest_difference(ours: list[float], theirs: list[float]) -> float:
    if len(ours) != len(theirs):
        return float("inf")
    largest = max((abs(value) for value in theirs), default=0.0) or 1.0
    return max((abs(a - b) for a, b in zip(ours, theirs, strict=True)), default=0.0) / largest


def torch_work(report: Report, ways: dict[str, Driver], scratch: Path) -> None:
    """bench/gpu/work.py, once each way, and the comparison."""
    script = str(_ROOT / "bench" / "gpu" / "work.py")
    results: dict[str, dict[str, dict[str, Any]]] = {}
    for way, driver in ways.items():
        # One cache of compiled kernels: the native run, which comes first, fills it for all.
        environment = driver.environment | {
            "TORCHINDUCTOR_CACHE_DIR": str(scratch / "inductor"),
            "TRITON_CACHE_DIR": str(scratch / "triton"),
        }
        done = execute([sys.executable, script, "--seconds", "60"], environment, report.left(110))
        lines = [json.loads(line) for line in done.out.splitlines() if line.startswith("{")]
        results[_WAYS[way]] = {line.pop("name"): line for line in lines}
        if done.code != 0:
            report.fail(f"PyTorch over {_WAYS[way]}: {done.why}")
    report.record["torch"] = results
    native = results.get("native", {})
    report.say(
        "## PyTorch",
        "",
        "| work | native ms | shm ms | native/shm | TCP ms | native/TCP | added ms shm | added ms TCP "
        "| wire operations | round trips | largest difference |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    )
    for name, base in native.items():
        shm, tcp = (results.get(way, {}).get(name, {}) for way in ("shm", "TCP"))
        for way, of in (("native", base), ("shm", shm), ("TCP", tcp)):
            if "error" in of:
                report.fail(f"{name} over {way}: {of['error']}")
        if "step_ms" not in base:
            continue
        cells = [name, f"{base['step_ms']:.3f}"]
        for of in (shm, tcp):
            cells += (
                [f"{of['step_ms']:.3f}", f"{base['step_ms'] / of['step_ms']:.1%}"]
                if "step_ms" in of
                else ["failed", "-"]
            )
        cells += [f"{of['step_ms'] - base['step_ms']:+.3f}" if "step_ms" in of else "-" for of in (shm, tcp)]
        cells += [f"{shm[key]:.1f}" if key in shm else "-" for key in ("wire_operations", "round_trips")]
        differences = [_largest_difference(of["values"], base["values"]) for of in (shm, tcp) if "values" in of]
        cells.append(f"{max(differences):.1e}" if differences else "-")
        report.say("| " + " | ".join(cells) + " |")
        if differences and not max(differences) <= 1e-2:
            report.fail(f"{name}: results differ from the native ones by {max(differences):.1e} of the largest value")
    report.say("")


def _about(report: Report, environment: dict[str, str]) -> None:
    question = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    done = execute(question, environment, 30) if shutil.which("nvidia-smi") else Done(1, "", "")
    if done.code == 0 and done.out.strip():
        report.device, version, memory = (part.strip() for part in done.out.splitlines()[0].split(","))
        report.record |= {"driver_version": version, "memory": memory}
        report.say(f"Driver {version}, {memory} of memory, {os.cpu_count()} CPU cores, {datetime.date.today()}.", "")


def main() -> int:
    """All phases, in an order that gives the most before the time is up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=_ROOT / "bench" / "results", help="folder for the page and the JSON"
    )
    parser.add_argument("--seconds", type=float, default=520.0, help="time for everything (default 520)")
    parser.add_argument("--driver", type=Path, help="folder of the libcuda.so.1 to compare with; default: the system's")
    parser.add_argument("--build", type=Path, default=_ROOT / "build" / "gpu", help="build folder")
    options = parser.parse_args()
    report = Report(options.out, time.monotonic() + options.seconds)
    with tempfile.TemporaryDirectory(prefix="gpool-gpu-") as name:
        scratch = Path(name)
        folder = options.driver.absolute() if options.driver else system_driver(scratch)
        _about(report, dict(os.environ))
        native = options.build.absolute()
        if not build(report, native):
            report.write()
            return 1
        with Workerd(native, driver=folder) as workerd:
            ways = {way: Driver.reach(way, native, workerd, "unused", folder) for way in DRIVERS}
            phases = (
                lambda: programs(report, ways, scratch),
                lambda: behaviour(report, ways, scratch),
                lambda: torch_work(report, ways, scratch),
                lambda: starts(report, ways),
                lambda: calls(report, native, folder),
            )
            for phase in phases:
                if time.monotonic() > report.deadline:
                    report.fail("the time was up before all was measured")
                    break
                phase()
                report.write()
            report.record["workerd_log_end"] = workerd.text()[-4000:] if report.failures else ""
    report.write()
    print(f"{len(report.failures)} failures; results in {options.out}")
    return int(bool(report.failures))


if __name__ == "__main__":
    raise SystemExit(main())
