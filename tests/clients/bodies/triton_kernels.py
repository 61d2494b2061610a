"""Triton kernels, with unmodified Triton and no PyTorch: each result is compared with NumPy's, within a tolerance.

    python triton_kernels.py

Prints one line per kernel, with a hash of its result's bytes: equal on every driver that runs the same code; at the
end one line more.
"""

# ruff: noqa: T201, N803 (a program that talks to people; Triton's constants are written in capitals)
from __future__ import annotations

import ctypes
import hashlib
from typing import Any

import numpy as np
import triton
import triton.language as tl

_CUDA = ctypes.CDLL("libcuda.so.1")


def _call(name: str, *arguments: Any) -> None:
    code = getattr(_CUDA, name)(*arguments)
    if code:
        raise RuntimeError(f"{name} answered {code}")


class DeviceArray:
    """Device memory that Triton takes for a tensor: it wants an address and the name of a type, nothing more."""

    def __init__(self, values: np.ndarray[Any, Any], dtype: str = "") -> None:
        """`dtype` where NumPy has no name for what the bytes mean (bfloat16)."""
        self.dtype = dtype or values.dtype.name
        self._like = values
        self._pointer = ctypes.c_uint64()
        contiguous = np.ascontiguousarray(values)
        _call("cuMemAlloc_v2", ctypes.byref(self._pointer), ctypes.c_size_t(values.nbytes))
        source = contiguous.ctypes.data_as(ctypes.c_void_p)
        _call("cuMemcpyHtoD_v2", self._pointer, source, ctypes.c_size_t(values.nbytes))

    def data_ptr(self) -> int:
        """Device address."""
        return self._pointer.value

    def numpy(self) -> np.ndarray[Any, Any]:
        """A copy on the host; waits for the kernels before it."""
        got = np.empty_like(self._like)
        _call("cuMemcpyDtoH_v2", got.ctypes.data_as(ctypes.c_void_p), self._pointer, ctypes.c_size_t(got.nbytes))
        return got

    def __del__(self) -> None:
        if self._pointer.value:
            _CUDA.cuMemFree_v2(self._pointer)


@triton.jit
def add_kernel(x, y, out, n, BLOCK: tl.constexpr):
    offsets = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = offsets < n
    tl.store(out + offsets, tl.load(x + offsets, inside) + tl.load(y + offsets, inside), inside)


@triton.jit
def softmax_kernel(x, out, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    offsets = tl.arange(0, BLOCK)
    inside = offsets < columns
    values = tl.load(x + row * columns + offsets, inside, other=-float("inf"))
    powers = tl.exp(values - tl.max(values, axis=0))
    tl.store(out + row * columns + offsets, powers / tl.sum(powers, axis=0), inside)


@triton.jit
def layer_norm_kernel(x, weight, bias, out, columns, epsilon, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    total = tl.zeros([BLOCK], tl.float32)
    for first in range(0, columns, BLOCK):
        offsets = first + tl.arange(0, BLOCK)
        total += tl.load(x + row * columns + offsets, offsets < columns, other=0.0).to(tl.float32)
    mean = tl.sum(total, axis=0) / columns
    total = tl.zeros([BLOCK], tl.float32)
    for first in range(0, columns, BLOCK):
        offsets = first + tl.arange(0, BLOCK)
        inside = offsets < columns
        centred = tl.load(x + row * columns + offsets, inside, other=0.0).to(tl.float32) - mean
        total += tl.where(inside, centred * centred, 0.0)
    scale = 1 / tl.sqrt(tl.sum(total, axis=0) / columns + epsilon)
    for first in range(0, columns, BLOCK):
        offsets = first + tl.arange(0, BLOCK)
        inside = offsets < columns
        value = tl.load(x + row * columns + offsets, inside).to(tl.float32)
        value = (value - mean) * scale * tl.load(weight + offsets, inside) + tl.load(bias + offsets, inside)
        tl.store(out + row * columns + offsets, value, inside)


@triton.jit
def matmul_kernel(
    a, b, c, m, n, k,
    BLOCK_M: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_K: tl.constexpr, PRECISION: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    rows = tl.program_id(0) * BLOCK_M + tl.arange(0, BLOCK_M)
    columns = tl.program_id(1) * BLOCK_N + tl.arange(0, BLOCK_N)
    depth = tl.arange(0, BLOCK_K)
    a_at = a + rows[:, None] * k + depth[None, :]
    b_at = b + depth[:, None] * n + columns[None, :]
    total = tl.zeros((BLOCK_M, BLOCK_N), dtype=SUM)
    for first in range(0, k, BLOCK_K):
        left = tl.load(a_at, (rows[:, None] < m) & (depth[None, :] < k - first), other=0)
        right = tl.load(b_at, (depth[:, None] < k - first) & (columns[None, :] < n), other=0)
        total = tl.dot(left, right, total, input_precision=PRECISION, out_dtype=SUM)
        a_at += BLOCK_K
        b_at += BLOCK_K * n
    at = c + rows[:, None] * n + columns[None, :]
    tl.store(at, total.to(c.dtype.element_ty), (rows[:, None] < m) & (columns[None, :] < n))


def _check(name: str, got: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], tolerance: float) -> None:
    """Fails when a value differs from NumPy's by more than `tolerance` times the largest of them."""
    worst = float(np.abs(got.astype(np.float64) - wanted).max() / np.abs(wanted).max())
    if not worst <= tolerance:  # also when it is no number
        raise AssertionError(f"{name}: {worst:.2e} of the largest value away from NumPy, more than {tolerance:.0e}")
    print(f"{name:<28} within {tolerance:.0e} of NumPy   {hashlib.sha256(got.tobytes()).hexdigest()[:16]}", flush=True)


def _bf16(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The upper halves of float32 values: bfloat16, cut."""
    return (np.ascontiguousarray(values, np.float32).view(np.uint32) >> 16).astype(np.uint16)


def _from_bf16(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return (values.astype(np.uint32) << 16).view(np.float32)


def _elementwise(random: np.random.Generator) -> None:
    x, y = random.random(98432, np.float32), random.random(98432, np.float32)
    out = DeviceArray(np.zeros_like(x))
    add_kernel[(triton.cdiv(x.size, 1024),)](DeviceArray(x), DeviceArray(y), out, x.size, BLOCK=1024)
    _check("vector add", out.numpy(), x + y, 0.0)

    rows, columns = 37, 781
    x = random.normal(0, 3, (rows, columns)).astype(np.float32)
    powers = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    out = DeviceArray(np.zeros_like(x))
    softmax_kernel[(rows,)](DeviceArray(x), out, columns, BLOCK=1024)
    _check("softmax", out.numpy(), powers / powers.sum(axis=1, keepdims=True), 2e-6)

    weight, bias = random.random(columns, np.float32), random.random(columns, np.float32)
    centred = x.astype(np.float64) - x.mean(axis=1, keepdims=True, dtype=np.float64)
    wanted = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + 1e-5) * weight + bias
    out = DeviceArray(np.zeros_like(x))
    layer_norm_kernel[(rows,)](DeviceArray(x), DeviceArray(weight), DeviceArray(bias), out, columns, 1e-5, BLOCK=256)
    _check("layer norm", out.numpy(), wanted, 2e-6)


def _products(random: np.random.Generator) -> None:
    m, n, k = 150, 136, 96
    left, right = random.normal(size=(m, k)).astype(np.float32), random.normal(size=(k, n)).astype(np.float32)

    def product(a: DeviceArray, b: DeviceArray, like: np.ndarray[Any, Any], precision: str, dtype: Any) -> Any:
        out = DeviceArray(like)
        grid = (triton.cdiv(m, 64), triton.cdiv(n, 64))
        matmul_kernel[grid](a, b, out, m, n, k, BLOCK_M=64, BLOCK_N=64, BLOCK_K=32, PRECISION=precision, SUM=dtype)
        return out.numpy()

    f32 = np.zeros((m, n), np.float32)
    half_left, half_right = left.astype(np.float16), right.astype(np.float16)
    exact = half_left.astype(np.float64) @ half_right.astype(np.float64)
    a, b = DeviceArray(half_left), DeviceArray(half_right)
    _check("matmul fp16, sum in fp32", product(a, b, f32, "ieee", tl.float32), exact, 1e-6)
    half = product(a, b, f32.astype(np.float16), "ieee", tl.float16)
    _check("matmul fp16, sum in fp16", half, exact, 4e-3)

    cut_left, cut_right = _bf16(left), _bf16(right)
    exact = _from_bf16(cut_left).astype(np.float64) @ _from_bf16(cut_right).astype(np.float64)
    a, b = DeviceArray(cut_left, "bfloat16"), DeviceArray(cut_right, "bfloat16")
    _check("matmul bf16, sum in fp32", product(a, b, f32, "ieee", tl.float32), exact, 1e-6)

    exact = left.astype(np.float64) @ right.astype(np.float64)
    a, b = DeviceArray(left), DeviceArray(right)
    _check("matmul tf32", product(a, b, f32, "tf32", tl.float32), exact, 1e-3)
    _check("matmul fp32", product(a, b, f32, "ieee", tl.float32), exact, 1e-6)

    whole_left = random.integers(-128, 128, (m, k), np.int8)
    whole_right = random.integers(-128, 128, (k, n), np.int8)
    got = product(DeviceArray(whole_left), DeviceArray(whole_right), f32.astype(np.int32), "ieee", tl.int32)
    _check("matmul int8, sum in int32", got, whole_left.astype(np.int64) @ whole_right.astype(np.int64), 0.0)


def main() -> None:
    """Runs all of them on device 0."""
    device, context = ctypes.c_int(), ctypes.c_void_p()
    _call("cuInit", 0)
    _call("cuDeviceGet", ctypes.byref(device), 0)
    _call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
    _call("cuCtxSetCurrent", context)
    random = np.random.default_rng(1)
    _elementwise(random)
    _products(random)
    print("every result agrees with NumPy's")


if __name__ == "__main__":
    main()
