"""The CUDA driver API through ctypes: any libcuda.so.1, named by its path.

Two ways to call: `driver.cuMemAlloc(…)` as a typed wrapper that raises `CudaError` and returns results, and
`driver.code("cuMemFree_v2", pointer)` that returns the number of the result, for tests of errors.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from ctypes import POINTER, byref, c_char_p, c_float, c_int, c_size_t, c_uint, c_uint64, c_void_p
from pathlib import Path
from typing import Any

SUCCESS = 0
INVALID_VALUE = 1
OUT_OF_MEMORY = 2
NOT_INITIALIZED = 3
DEINITIALIZED = 4
NO_DEVICE = 100
INVALID_DEVICE = 101
INVALID_IMAGE = 200
INVALID_CONTEXT = 201
NO_BINARY_FOR_GPU = 209
INVALID_PTX = 218
FILE_NOT_FOUND = 301
INVALID_HANDLE = 400
NOT_FOUND = 500
NOT_READY = 600
ILLEGAL_ADDRESS = 700
LAUNCH_OUT_OF_RESOURCES = 701
CONTEXT_IS_DESTROYED = 709
ASSERT = 710
HOST_MEMORY_ALREADY_REGISTERED = 712
HOST_MEMORY_NOT_REGISTERED = 713
ILLEGAL_INSTRUCTION = 715
MISALIGNED_ADDRESS = 716
LAUNCH_FAILED = 719
COOPERATIVE_LAUNCH_TOO_LARGE = 720
NOT_PERMITTED = 800
NOT_SUPPORTED = 801
STREAM_CAPTURE_UNSUPPORTED = 900
STREAM_CAPTURE_INVALIDATED = 901
STREAM_CAPTURE_UNJOINED = 904
GRAPH_EXEC_UPDATE_FAILURE = 910

NON_BLOCKING = 1
LEGACY_STREAM = 1
PER_THREAD_STREAM = 2
DISABLE_TIMING = 2

HOST_FUNCTION = ctypes.CFUNCTYPE(None, c_void_p)
STREAM_CALLBACK = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_void_p)


class CudaError(Exception):
    """A driver call that did not answer CUDA_SUCCESS; `code` is its CUresult."""

    def __init__(self, call: str, code: int) -> None:
        super().__init__(f"{call} answered {code}")
        self.call, self.code = call, code


class Location(ctypes.Structure):
    _fields_ = [("type", c_int), ("id", c_int)]


class AllocationProperties(ctypes.Structure):
    _fields_ = [
        ("type", c_int),
        ("handle_types", c_int),
        ("location", Location),
        ("win32", c_void_p),
        ("flags", ctypes.c_ubyte * 8),
    ]


class AccessDescription(ctypes.Structure):
    _fields_ = [("location", Location), ("flags", c_int)]


class Copy2D(ctypes.Structure):
    """CUDA_MEMCPY2D; memory types: 1 host, 2 device, 4 unified."""

    _fields_ = [
        ("src_x", c_size_t), ("src_y", c_size_t), ("src_type", c_int), ("src_host", c_void_p),
        ("src_device", c_uint64), ("src_array", c_void_p), ("src_pitch", c_size_t),
        ("dst_x", c_size_t), ("dst_y", c_size_t), ("dst_type", c_int), ("dst_host", c_void_p),
        ("dst_device", c_uint64), ("dst_array", c_void_p), ("dst_pitch", c_size_t),
        ("width", c_size_t), ("height", c_size_t),
    ]  # fmt: skip


class Copy3D(ctypes.Structure):
    """CUDA_MEMCPY3D."""

    _fields_ = [
        ("src_x", c_size_t), ("src_y", c_size_t), ("src_z", c_size_t), ("src_lod", c_size_t), ("src_type", c_int),
        ("src_host", c_void_p), ("src_device", c_uint64), ("src_array", c_void_p), ("reserved0", c_void_p),
        ("src_pitch", c_size_t), ("src_height", c_size_t),
        ("dst_x", c_size_t), ("dst_y", c_size_t), ("dst_z", c_size_t), ("dst_lod", c_size_t), ("dst_type", c_int),
        ("dst_host", c_void_p), ("dst_device", c_uint64), ("dst_array", c_void_p), ("reserved1", c_void_p),
        ("dst_pitch", c_size_t), ("dst_height", c_size_t),
        ("width", c_size_t), ("height", c_size_t), ("depth", c_size_t),
    ]  # fmt: skip


class Copy3DPeer(ctypes.Structure):
    """CUDA_MEMCPY3D_PEER."""

    _fields_ = [
        ("src_x", c_size_t), ("src_y", c_size_t), ("src_z", c_size_t), ("src_lod", c_size_t), ("src_type", c_int),
        ("src_host", c_void_p), ("src_device", c_uint64), ("src_array", c_void_p), ("src_context", c_void_p),
        ("src_pitch", c_size_t), ("src_height", c_size_t),
        ("dst_x", c_size_t), ("dst_y", c_size_t), ("dst_z", c_size_t), ("dst_lod", c_size_t), ("dst_type", c_int),
        ("dst_host", c_void_p), ("dst_device", c_uint64), ("dst_array", c_void_p), ("dst_context", c_void_p),
        ("dst_pitch", c_size_t), ("dst_height", c_size_t),
        ("width", c_size_t), ("height", c_size_t), ("depth", c_size_t),
    ]  # fmt: skip


class BatchAttributes(ctypes.Structure):
    """CUmemcpyAttributes; orders: 1 stream, 2 during the call, 3 any."""

    _fields_ = [("order", c_int), ("src_hint", c_int * 2), ("dst_hint", c_int * 2), ("flags", c_uint)]


class BatchCopy3D(ctypes.Structure):
    """CUDA_MEMCPY3D_BATCH_OP with pointers on both sides (types 1)."""

    _fields_ = [
        ("src_type", c_int), ("src", c_uint64), ("src_row", c_size_t), ("src_layer", c_size_t),
        ("src_hint", c_int * 2),
        ("dst_type", c_int), ("dst", c_uint64), ("dst_row", c_size_t), ("dst_layer", c_size_t),
        ("dst_hint", c_int * 2),
        ("width", c_size_t), ("height", c_size_t), ("depth", c_size_t), ("order", c_int), ("flags", c_uint),
    ]  # fmt: skip


class KernelNode(ctypes.Structure):
    """CUDA_KERNEL_NODE_PARAMS_v2."""

    _fields_ = [
        ("function", c_void_p), ("grid_x", c_uint), ("grid_y", c_uint), ("grid_z", c_uint),
        ("block_x", c_uint), ("block_y", c_uint), ("block_z", c_uint), ("shared", c_uint),
        ("parameters", POINTER(c_void_p)), ("extra", POINTER(c_void_p)), ("kernel", c_void_p), ("context", c_void_p),
    ]  # fmt: skip


class MemsetNode(ctypes.Structure):
    """CUDA_MEMSET_NODE_PARAMS."""

    _fields_ = [
        ("address", c_uint64), ("pitch", c_size_t), ("value", c_uint), ("element", c_uint),
        ("width", c_size_t), ("height", c_size_t),
    ]  # fmt: skip


class HostNode(ctypes.Structure):
    """CUDA_HOST_NODE_PARAMS, the beginning of its second version."""

    _fields_ = [("function", HOST_FUNCTION), ("data", c_void_p)]


class EventNode(ctypes.Structure):
    """CUDA_EVENT_RECORD_NODE_PARAMS and CUDA_EVENT_WAIT_NODE_PARAMS."""

    _fields_ = [("event", c_void_p)]


class CopyNode(ctypes.Structure):
    """CUDA_MEMCPY_NODE_PARAMS."""

    _fields_ = [("flags", c_int), ("reserved", c_int), ("context", c_void_p), ("copy", Copy3D)]


class UpdateResult(ctypes.Structure):
    """CUgraphExecUpdateResultInfo."""

    _fields_ = [("result", c_int), ("error_node", c_void_p), ("error_from_node", c_void_p)]


class NodeParameters(ctypes.Structure):
    """CUgraphNodeParams: 256 bytes, the part of the node's type at offset 16."""

    _fields_ = [("type", c_int), ("reserved0", c_int * 3), ("part", c_uint64 * 29), ("reserved2", c_uint64)]


# Numbers that Python would pass as 32-bit ints must be widened; ctypes values pass as they are.
def _widen(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return c_uint64(value) if not -(2**31) <= value < 2**31 else c_void_p(value) if value >= 0 else c_int(value)


class Driver:
    """One loaded driver library. Raises OSError when it cannot be loaded."""

    def __init__(self, path: Path | str) -> None:
        self.library = ctypes.CDLL(str(path))

    # --- any call ---

    def code(self, name: str, *arguments: Any) -> int:
        """Calls the exported function `name`; returns its CUresult. Plain ints are passed as 64-bit values."""
        result: int = getattr(self.library, name)(*[_widen(argument) for argument in arguments])
        return result

    def check(self, name: str, *arguments: Any) -> None:
        """As `code`, but raises CudaError unless the answer is CUDA_SUCCESS."""
        if code := self.code(name, *arguments):
            raise CudaError(name, code)

    def made(self, name: str, kind: Any, *arguments: Any) -> int:
        """A call whose first argument is a pointer to its result; returns the result."""
        out = kind()
        self.check(name, byref(out), *arguments)
        return out.value or 0

    def made_last(self, name: str, *arguments: Any) -> int:
        """A call whose last argument is a pointer to a handle; returns the handle."""
        out = c_void_p()
        self.check(name, *arguments, byref(out))
        return out.value or 0

    # --- start, devices, contexts ---

    def start(self, device: int = 0) -> int:
        """cuInit, and the primary context of `device` made current. Returns the context."""
        self.check("cuInit", 0)
        context = self.made("cuDevicePrimaryCtxRetain", c_void_p, device)
        self.check("cuCtxSetCurrent", context)
        return context

    def attribute(self, number: int, device: int = 0) -> int:
        return self.made("cuDeviceGetAttribute", c_int, number, device)

    def device_count(self) -> int:
        return self.made("cuDeviceGetCount", c_int)

    def uuid(self, device: int = 0) -> bytes:
        out = (ctypes.c_ubyte * 16)()
        self.check("cuDeviceGetUuid_v2", out, device)
        return bytes(out)

    def text(self, name: str, *arguments: Any) -> str:
        """A call that fills (buffer, length)."""
        out = ctypes.create_string_buffer(256)
        self.check(name, out, 256, *arguments)
        return out.value.decode()

    def free_and_total(self) -> tuple[int, int]:
        """Bytes, over all processes of the GPU."""
        free, total = c_size_t(), c_size_t()
        self.check("cuMemGetInfo_v2", byref(free), byref(total))
        return free.value, total.value

    def synchronize(self) -> None:
        self.check("cuCtxSynchronize")

    # --- memory ---

    def allocate(self, size: int) -> int:
        return self.made("cuMemAlloc_v2", c_uint64, size)

    def free(self, pointer: int) -> None:
        self.check("cuMemFree_v2", pointer)

    def pinned(self, size: int, flags: int = 0) -> int:
        return self.made("cuMemHostAlloc", c_void_p, size, flags)

    def upload(self, pointer: int, data: bytes, stream: int | None = None) -> None:
        """Host to device; asynchronous when a stream is given."""
        if stream is None:
            self.check("cuMemcpyHtoD_v2", pointer, c_char_p(data), len(data))
        else:
            self.check("cuMemcpyHtoDAsync_v2", pointer, c_char_p(data), len(data), stream)

    def download(self, pointer: int, size: int) -> bytes:
        out = ctypes.create_string_buffer(size)
        self.check("cuMemcpyDtoH_v2", out, pointer, size)
        return out.raw

    def uploaded(self, data: bytes) -> int:
        """New device memory with `data` in it."""
        pointer = self.allocate(len(data))
        self.upload(pointer, data)
        return pointer

    # --- streams and events ---

    def stream(self, flags: int = 0, priority: int = 0) -> int:
        return self.made("cuStreamCreateWithPriority", c_void_p, flags, priority)

    def event(self, flags: int = 0) -> int:
        return self.made("cuEventCreate", c_void_p, flags)

    def elapsed(self, start: int, end: int) -> float:
        """Milliseconds."""
        out = c_float()
        self.check("cuEventElapsedTime", byref(out), start, end)
        return out.value

    def on_host(self, stream: int, function: Callable[[], None]) -> Any:
        """Queues a Python function; keep the returned object until it has run."""
        kept = HOST_FUNCTION(lambda _: function())
        self.check("cuLaunchHostFunc", stream, kept, None)
        return kept

    # --- modules and launches ---

    def module(self, image: str | bytes) -> int:
        data = image.encode() if isinstance(image, str) else image
        return self.made("cuModuleLoadData", c_void_p, c_char_p(data))

    def library_of(self, image: str | bytes) -> int:
        data = image.encode() if isinstance(image, str) else image
        return self.made("cuLibraryLoadData", c_void_p, c_char_p(data), None, None, 0, None, None, 0)

    def function(self, module: int, name: str) -> int:
        return self.made("cuModuleGetFunction", c_void_p, module, c_char_p(name.encode()))

    def kernel(self, library: int, name: str) -> int:
        return self.made("cuLibraryGetKernel", c_void_p, library, c_char_p(name.encode()))

    def variable(self, module: int, name: str) -> tuple[int, int]:
        """Address and bytes of a module variable."""
        pointer, size = c_uint64(), c_size_t()
        self.check("cuModuleGetGlobal_v2", byref(pointer), byref(size), module, c_char_p(name.encode()))
        return pointer.value, size.value

    def launch_code(
        self,
        function: int,
        grid: Sequence[int] = (1, 1, 1),
        block: Sequence[int] = (1, 1, 1),
        arguments: Sequence[Any] = (),
        *,
        stream: int = 0,
        shared: int = 0,
        cooperative: bool = False,
    ) -> int:
        """Launches; arguments are ctypes values, plain ints are 64-bit (pointers). Returns the CUresult."""
        pointers, _kept = parameters(arguments)
        sizes = [c_uint(size) for size in (*grid, *block, shared)]
        if cooperative:
            return self.code("cuLaunchCooperativeKernel", function, *sizes, stream, pointers)
        return self.code("cuLaunchKernel", function, *sizes, stream, pointers, None)

    def launch(self, *arguments: Any, **named: Any) -> None:
        """As `launch_code`, raising CudaError."""
        if code := self.launch_code(*arguments, **named):
            raise CudaError("cuLaunchKernel", code)


def parameters(arguments: Sequence[Any]) -> tuple[Any, list[Any]]:
    """An array of pointers to kernel arguments, and what must live as long as it."""
    values = [c_uint64(value) if isinstance(value, int) else value for value in arguments]
    pointers = (c_void_p * max(1, len(values)))(*[ctypes.cast(byref(value), c_void_p) for value in values])
    return pointers, values
