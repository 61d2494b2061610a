"""CuPy, unmodified: kernels that it generates (elementwise, indexing, reductions) and raw ones. Compares with NumPy.

CUPY_COMPILE_WITH_PTX=1 makes its NVRTC hand over PTX. cuBLAS, cuFFT and the like are not touched.
"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import zlib

import cupy as cp
import numpy as np

SOURCE = """
extern "C" __global__ void twice_plus(const float* x, float* y, float b, int n) {
  int i = blockDim.x * blockIdx.x + threadIdx.x;
  if (i < n) y[i] = 2 * x[i] + b;
}
"""


def report(part: str, array: cp.ndarray) -> None:
    """The same bytes must come out of every driver."""
    print(f"{part}: {zlib.crc32(np.ascontiguousarray(cp.asnumpy(array)).tobytes()):08x}")


def check_elementwise(host: np.ndarray) -> None:
    x = cp.asarray(host)
    y = cp.sqrt(x * x + 1) - x / 3
    np.testing.assert_allclose(cp.asnumpy(y), np.sqrt(host * host + 1) - host / 3, rtol=1e-6)
    report("elementwise", y)
    squares = cp.ElementwiseKernel("T x, T y", "T z", "z = (x - y) * (x - y)", "squared_difference")
    assert np.array_equal(cp.asnumpy(squares(x, x + 1)), np.square(host - (host + 1)))
    picked = cp.where(x > 0, x, 0)[::2, 1:]
    assert np.array_equal(cp.asnumpy(picked), np.where(host > 0, host, 0)[::2, 1:])
    report("indexing", picked)


def check_reductions(host: np.ndarray) -> None:
    x = cp.asarray(host)
    np.testing.assert_allclose(cp.asnumpy(x.sum(axis=0)), host.sum(axis=0), rtol=1e-4, atol=1e-4)
    assert cp.asnumpy(x.argmax(axis=1)).tolist() == host.argmax(axis=1).tolist()
    norm = cp.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")
    np.testing.assert_allclose(float(norm(x)), np.linalg.norm(host), rtol=1e-5)
    report("reductions", x.sum(axis=0))


def check_raw_kernel(host: np.ndarray) -> None:
    """On a stream of its own, and captured in a graph that is launched twice."""
    kernel = cp.RawKernel(SOURCE, "twice_plus")
    x = cp.asarray(host.ravel())
    stream = cp.cuda.Stream(non_blocking=True)
    grid = ((x.size + 127) // 128,)
    with stream:
        y = cp.empty_like(x)
        kernel(grid, (128,), (x, y, np.float32(1), np.int32(x.size)))  # loads the module: a capture could not
        stream.begin_capture()
        kernel(grid, (128,), (y, y, np.float32(1), np.int32(x.size)))
        graph = stream.end_capture()
        graph.launch()
        graph.launch()
        stream.synchronize()
    wanted = host.ravel()
    for _ in range(3):
        wanted = 2 * wanted + 1
    np.testing.assert_allclose(cp.asnumpy(y), wanted, rtol=1e-6)
    report("raw kernel, stream and graph", y)


def main() -> None:
    rng = np.random.default_rng(3)
    host = rng.normal(size=(37, 53)).astype(np.float32)
    check_elementwise(host)
    check_reductions(host)
    check_raw_kernel(host)
    print("CuPy agrees with NumPy")


if __name__ == "__main__":
    main()
