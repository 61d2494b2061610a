"""numba-cuda, unmodified: what its own examples show. Each part compares with NumPy and prints what it found."""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import warnings
import zlib

import numpy as np
from numba import cuda, float32, int32
from numba.core.errors import NumbaPerformanceWarning

# Small grids are the point here; and the linker of the driver is what is being tested.
warnings.simplefilter("ignore", NumbaPerformanceWarning)
warnings.filterwarnings("ignore", message=".*nvjitlink is not available.*")

TILE = 8


@cuda.jit
def add(a, b, out):
    i = cuda.grid(1)
    if i < out.size:
        out[i] = a[i] + b[i]


@cuda.jit
def matmul(a, b, c):
    """Tiles in shared memory, as in numba's documentation."""
    tile_a = cuda.shared.array((TILE, TILE), float32)
    tile_b = cuda.shared.array((TILE, TILE), float32)
    x, y = cuda.grid(2)
    tx, ty = cuda.threadIdx.x, cuda.threadIdx.y
    total = float32(0.0)
    for tile in range((a.shape[1] + TILE - 1) // TILE):
        tile_a[ty, tx] = 0
        tile_b[ty, tx] = 0
        if y < a.shape[0] and tx + tile * TILE < a.shape[1]:
            tile_a[ty, tx] = a[y, tx + tile * TILE]
        if x < b.shape[1] and ty + tile * TILE < b.shape[0]:
            tile_b[ty, tx] = b[ty + tile * TILE, x]
        cuda.syncthreads()
        for k in range(TILE):
            total += tile_a[ty, k] * tile_b[k, tx]
        cuda.syncthreads()
    if y < c.shape[0] and x < c.shape[1]:
        c[y, x] = total


@cuda.jit
def histogram(values, bins):
    i = cuda.grid(1)
    if i < values.size:
        cuda.atomic.add(bins, values[i], 1)


@cuda.jit
def extremes(values, out, first):
    i = cuda.grid(1)
    if i < values.size:
        cuda.atomic.max(out, 0, values[i])
        cuda.atomic.min(out, 1, values[i])
        if cuda.atomic.cas(first, 0, 0, 1) == 0:
            cuda.atomic.add(first, 1, 1)


@cuda.jit
def block_sums(values, out):
    """A tree in shared memory whose size the launch gives."""
    shared = cuda.shared.array(0, int32)
    t = cuda.threadIdx.x
    i = cuda.grid(1)
    shared[t] = values[i] if i < values.size else 0
    cuda.syncthreads()
    step = cuda.blockDim.x // 2
    while step > 0:
        if t < step:
            shared[t] += shared[t + step]
        cuda.syncthreads()
        step //= 2
    if t == 0:
        out[cuda.blockIdx.x] = shared[0]


@cuda.jit
def warp_sums(values, out):
    value = values[cuda.grid(1)]
    for step in (16, 8, 4, 2, 1):
        value += cuda.shfl_down_sync(0xFFFFFFFF, value, step)
    if cuda.laneid == 0:
        out[cuda.blockIdx.x] = value


@cuda.jit
def wavefront(field):
    """Every row needs the row above, of which the grid's threads have each made a part."""
    column = cuda.grid(1)
    grid = cuda.cg.this_grid()
    for row in range(1, field.shape[0]):
        other = field.shape[1] - column - 1
        field[row, column] = field[row - 1, other] + 1
        grid.sync()


@cuda.reduce
def largest(a, b):
    return a if a > b else b


@cuda.jit(device=True)
def escape(x, y):
    c, z = complex(x, y), 0j
    for i in range(30):
        z = z * z + c
        if z.real * z.real + z.imag * z.imag >= 4:
            return i
    return 30


@cuda.jit
def mandelbrot(image):
    y, x = cuda.grid(2)
    if y < image.shape[0] and x < image.shape[1]:
        image[y, x] = escape(-2 + 3 * x / image.shape[1], -1 + 2 * y / image.shape[0])


def report(part: str, values: np.ndarray) -> None:
    """The same bytes must come out of every driver."""
    print(f"{part}: {zlib.crc32(np.ascontiguousarray(values).tobytes()):08x}")


def check_vector_add(rng: np.random.Generator) -> None:
    a, b = rng.random((2, 1000), dtype=np.float32)
    out = np.zeros_like(a)
    add[8, 128](a, b, out)  # host arrays: numba copies them to the device and back
    assert np.array_equal(out, a + b)
    report("vector add", out)


def check_matmul(rng: np.random.Generator) -> None:
    a, b = rng.random((19, 23), dtype=np.float32), rng.random((23, 13), dtype=np.float32)
    c = cuda.device_array((19, 13), np.float32)
    matmul[(2, 3), (TILE, TILE)](cuda.to_device(a), cuda.to_device(b), c)
    np.testing.assert_allclose(c.copy_to_host(), a @ b, rtol=1e-5)
    report("matmul in shared memory", c.copy_to_host())


def check_atomics(rng: np.random.Generator) -> None:
    values = rng.integers(0, 16, 2000)
    bins = np.zeros(16, np.int32)
    histogram[16, 128](values, bins)
    assert np.array_equal(bins, np.bincount(values, minlength=16))
    report("histogram", bins)
    reals = rng.normal(size=777)
    out, first = np.array([-np.inf, np.inf]), np.zeros(2, np.int64)
    extremes[7, 128](reals, out, first)
    assert out.tolist() == [reals.max(), reals.min()]
    assert first.tolist() == [1, 1]  # exactly one thread was first
    report("atomic max, min, compare-and-swap", out)


def check_reductions(rng: np.random.Generator) -> None:
    values = rng.integers(-1000, 1000, 1000).astype(np.int32)
    sums = np.zeros(8, np.int32)
    block_sums[8, 128, 0, 128 * 4](values, sums)
    assert sums.sum() == values.sum()
    warps = np.zeros(31, np.int32)
    warp_sums[31, 32](values[: 31 * 32], warps)
    assert np.array_equal(warps, values[: 31 * 32].reshape(31, 32).sum(axis=1))
    assert largest(cuda.to_device(values), init=-5000) == values.max()
    report("reductions", np.concatenate([sums, warps]))


def check_streams(rng: np.random.Generator) -> None:
    """Two streams, one waiting for the other's event; pinned memory."""
    first, second = cuda.stream(), cuda.stream()
    with cuda.pinned(host := rng.random(512, dtype=np.float32)):
        device = cuda.to_device(host, stream=first)
        add[4, 128, first](device, device, device)
        done = cuda.event(timing=False)
        done.record(first)
        done.wait(second)
        add[4, 128, second](device, device, device)
        out = device.copy_to_host(stream=second)
        second.synchronize()
    assert np.array_equal(out, host * 4)
    report("streams and events", out)


def main() -> None:
    rng = np.random.default_rng(7)
    check_vector_add(rng)
    check_matmul(rng)
    check_atomics(rng)
    check_reductions(rng)
    check_streams(rng)

    field = cuda.to_device(np.zeros((5, 64), np.int32))
    wavefront[2, 32](field)  # numba launches it cooperatively by itself
    assert np.array_equal(field.copy_to_host(), np.repeat(np.arange(5), 64).reshape(5, 64))
    report("grid barrier", field.copy_to_host())

    image = np.zeros((24, 36), np.uint8)
    mandelbrot[(2, 3), (16, 16)](image)
    assert image.max() == 30
    assert image.min() == 0
    report("mandelbrot", image)
    print("numba agrees with NumPy")


if __name__ == "__main__":
    main()
