"""Times three kernels on the emulated GPU, with one thread and with two, and prints a table.

    LD_LIBRARY_PATH=build/emulator python bench/emulator/speed.py

Wall time is the best of some runs; CPU time is of the same run, and says more where other programs run too.
Results are checked. Needs NumPy and nvcc.
"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_N = 1 << 24
_SIDE = 1024
_RUNS = 5


class Driver:
    """The few calls that this needs. Each raises RuntimeError with the name of the call that failed."""

    def __init__(self, ptx: bytes) -> None:
        self._library = ctypes.CDLL("libcuda.so.1")
        self.call("cuInit", 0)
        device, context = ctypes.c_int(), ctypes.c_void_p()
        self.call("cuDeviceGet", ctypes.byref(device), 0)
        self.call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
        self.call("cuCtxSetCurrent", context)
        self._module = ctypes.c_void_p()
        self.call("cuModuleLoadData", ctypes.byref(self._module), ptx)

    def call(self, name: str, *arguments: object) -> None:
        """Calls the driver."""
        code = getattr(self._library, name)(*arguments)
        if code:
            raise RuntimeError(f"{name} answered {code}")

    def upload(self, values: np.ndarray) -> ctypes.c_uint64:
        """New device memory with these values."""
        pointer = ctypes.c_uint64()
        self.call("cuMemAlloc_v2", ctypes.byref(pointer), ctypes.c_size_t(values.nbytes))
        self.call("cuMemcpyHtoD_v2", pointer, values.ctypes.data_as(ctypes.c_void_p), ctypes.c_size_t(values.nbytes))
        return pointer

    def download(self, pointer: ctypes.c_uint64, like: np.ndarray) -> np.ndarray:
        """What the device memory holds now."""
        got = np.empty_like(like)
        self.call("cuMemcpyDtoH_v2", got.ctypes.data_as(ctypes.c_void_p), pointer, ctypes.c_size_t(got.nbytes))
        return got

    def seconds(
        self, kernel: str, grid: tuple[int, int], block: tuple[int, int], *arguments: object
    ) -> tuple[float, float]:
        """(wall, CPU) seconds of the fastest of some launches."""
        function = ctypes.c_void_p()
        self.call("cuModuleGetFunction", ctypes.byref(function), self._module, kernel.encode())
        pointers = (ctypes.c_void_p * len(arguments))(*(ctypes.addressof(one) for one in arguments))  # type: ignore[arg-type]
        times = []
        for _ in range(_RUNS):
            wall, cpu = time.perf_counter(), time.process_time()
            self.call("cuLaunchKernel", function, *grid, 1, *block, 1, 0, None, pointers, None)
            self.call("cuCtxSynchronize")
            times.append((time.perf_counter() - wall, time.process_time() - cpu))
        return min(times)


def _one(threads: int, ptx: bytes) -> None:
    driver = Driver(ptx)
    random = np.random.default_rng(1)

    def line(name: str, times: tuple[float, float], operations: float, unit: str) -> None:
        wall, cpu = times
        rate = f"{operations / wall / 1e9:.2f} {unit}"
        print(f"{name:<36} {threads:>7} {wall * 1e3:>9.0f} {cpu * 1e3:>9.0f}   {rate}", flush=True)

    x, y = random.random(_N, np.float32), random.random(_N, np.float32)
    a, b, c = driver.upload(x), driver.upload(y), driver.upload(np.zeros(_N, np.float32))
    n = ctypes.c_int(_N)
    times = driver.seconds("vector_add", (_N // 256, 1), (256, 1), a, b, c, n)
    assert np.array_equal(driver.download(c, x), x + y)
    line("vector add, 16 M floats", times, 3 * 4 * _N, "GB/s")

    total = driver.upload(np.zeros(1, np.float32))
    times = driver.seconds("shuffle_reduction", (1024, 1), (256, 1), a, total, n)
    got, wanted = driver.download(total, np.zeros(1, np.float32))[0] / _RUNS, x.sum(dtype=np.float64)
    assert abs(got - wanted) < 1e-4 * wanted
    line("shuffle reduction, 16 M floats", times, 4 * _N, "GB/s")

    side = ctypes.c_int(_SIDE)
    m, k = x[: _SIDE**2].reshape(_SIDE, _SIDE), y[: _SIDE**2].reshape(_SIDE, _SIDE)
    times = driver.seconds("tiled_matmul", (_SIDE // 16, _SIDE // 16), (16, 16), a, b, c, side)
    product = driver.download(c, m)
    assert np.allclose(product, m @ k, rtol=1e-4)
    line("tiled matmul 16 x 16, n = 1024", times, 2 * _SIDE**3, "GFLOP/s")


def main() -> int:
    """The table; with two arguments (threads, PTX file) the lines of one process."""
    if len(sys.argv) == 3:
        _one(int(sys.argv[1]), Path(sys.argv[2]).read_bytes() + b"\0")
        return 0
    nvcc = shutil.which("nvcc")
    if nvcc is None:
        print("nvcc is not on PATH", file=sys.stderr)
        return 1
    print(f"{'kernel':<36} {'threads':>7} {'wall ms':>9} {'CPU ms':>9}   rate")
    with tempfile.TemporaryDirectory() as folder:
        ptx = Path(folder) / "kernels.ptx"
        source = Path(__file__).with_name("kernels.cu")
        subprocess.run([nvcc, "-ptx", "-arch=compute_80", "-o", str(ptx), str(source)], check=True)
        for threads in (1, 2):
            environment = os.environ | {
                "GPOOL_EMULATOR_THREADS": str(threads),
                "GPOOL_EMULATOR_NODE": f"speed-{os.getpid()}",
            }
            subprocess.run([sys.executable, __file__, str(threads), str(ptx)], check=True, env=environment)
    return 0


if __name__ == "__main__":
    sys.exit(main())
