"""cuda-core, unmodified: devices, memory, streams, events, programs, the linker. Compares with NumPy."""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import numpy as np
from cuda.bindings import driver
from cuda.core import (
    Device,
    DeviceMemoryResource,
    EventOptions,
    LaunchConfig,
    Linker,
    LinkerOptions,
    ObjectCode,
    Program,
    ProgramOptions,
    Stream,
    launch,
)

N = 5000
SOURCE = """
template <typename T> __global__ void saxpy(T a, const T* x, T* y, size_t n) {
  for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n; i += size_t(gridDim.x) * blockDim.x)
    y[i] = a * x[i] + y[i];
}
extern "C" __global__ void reverse(float* values, int n) {
  extern __shared__ float kept[];
  if (threadIdx.x < n) kept[threadIdx.x] = values[threadIdx.x];
  __syncthreads();
  if (threadIdx.x < n) values[threadIdx.x] = kept[n - 1 - threadIdx.x];
}
"""
CALLER = """
extern __device__ int twice(int);
extern "C" __global__ void apply(int* values) { values[threadIdx.x] = twice(values[threadIdx.x]); }
"""
CALLEE = "__device__ int twice(int x) { return 2 * x; }"


def check(answer: tuple) -> None:
    """For calls of cuda.bindings, which return their status first."""
    assert answer[0] == driver.CUresult.CUDA_SUCCESS, answer[0]


class Arrays:
    """Copies between NumPy and buffers of one memory resource, ordered by one stream."""

    def __init__(self, memory: DeviceMemoryResource, stream: Stream) -> None:
        self.memory, self.stream = memory, stream

    def put(self, values: np.ndarray):
        buffer = self.memory.allocate(values.nbytes, stream=self.stream)
        check(driver.cuMemcpyHtoDAsync(int(buffer.handle), values.ctypes.data, values.nbytes, self.stream.handle))
        return buffer

    def get(self, buffer, dtype: type) -> np.ndarray:
        values = np.empty(buffer.size // np.dtype(dtype).itemsize, dtype)
        check(driver.cuMemcpyDtoHAsync(values.ctypes.data, int(buffer.handle), values.nbytes, self.stream.handle))
        self.stream.sync()
        return values


def run_programs(device: Device, arrays: Arrays, options: ProgramOptions) -> None:
    stream = arrays.stream
    program = Program(SOURCE, code_type="c++", options=options)
    code = program.compile("ptx", name_expressions=("saxpy<float>", "saxpy<double>"))
    for dtype, name in ((np.float32, "saxpy<float>"), (np.float64, "saxpy<double>")):
        kernel = code.get_kernel(name)
        assert kernel.num_arguments == 4
        x, y = np.arange(N, dtype=dtype), np.ones(N, dtype)
        device_x, device_y = arrays.put(x), arrays.put(y)
        launch(stream, LaunchConfig(grid=8, block=128), kernel, dtype(3), device_x, device_y, np.uint64(N))
        assert np.array_equal(arrays.get(device_y, dtype), 3 * x + y)
    kernel = code.get_kernel("reverse")
    values = arrays.put(np.arange(100, dtype=np.float32))
    launch(stream, LaunchConfig(grid=1, block=128, shmem_size=400), kernel, values, np.int32(100))
    assert np.array_equal(arrays.get(values, np.float32), np.arange(100)[::-1])
    blocks = kernel.occupancy.max_active_blocks_per_multiprocessor(128, 0)
    assert blocks >= 1
    print(f"programs: {kernel.attributes.max_threads_per_block} threads at most")


def run_linker(arrays: Arrays, options: ProgramOptions) -> None:
    parts = [Program(text, code_type="c++", options=options).compile("ptx") for text in (CALLER, CALLEE)]
    linked = Linker(*parts, options=LinkerOptions(arch=options.arch)).link("cubin")
    values = arrays.put(np.arange(32, dtype=np.int32))
    launch(arrays.stream, LaunchConfig(grid=1, block=32), linked.get_kernel("apply"), values)
    assert np.array_equal(arrays.get(values, np.int32), 2 * np.arange(32))
    print(f"linker: {Linker.which_backend()}")


def run_streams_and_events(device: Device, arrays: Arrays, code: ObjectCode) -> None:
    other = device.create_stream()
    begin = arrays.stream.record(options=EventOptions(timing_enabled=True))
    kernel = code.get_kernel("reverse")
    values = arrays.put(np.arange(64, dtype=np.float32))
    launch(arrays.stream, LaunchConfig(grid=1, block=64, shmem_size=256), kernel, values, np.int32(64))
    end = arrays.stream.record(options=EventOptions(timing_enabled=True))
    other.wait(end)
    launch(other, LaunchConfig(grid=1, block=64, shmem_size=256), kernel, values, np.int32(64))
    arrays.stream.wait(other)
    assert np.array_equal(arrays.get(values, np.float32), np.arange(64))
    end.sync()
    assert end.is_done
    assert end - begin >= 0  # milliseconds
    other.close()
    print("streams and events: in order")


def run_memory(device: Device, arrays: Arrays) -> None:
    arrays.stream.sync()  # what other parts have given back is back now
    before = arrays.memory.attributes.used_mem_current
    source = arrays.memory.allocate(4096, stream=arrays.stream)
    source.fill(b"\x01\x02", stream=arrays.stream)
    copy = arrays.memory.allocate(4096, stream=arrays.stream)
    source.copy_to(copy, stream=arrays.stream)
    assert arrays.get(copy, np.uint8).tolist() == [1, 2] * 2048
    assert arrays.memory.attributes.used_mem_current >= before + 8192
    for buffer in (source, copy):
        buffer.close(arrays.stream)
    arrays.stream.sync()
    assert arrays.memory.attributes.used_mem_current == before
    assert arrays.memory.is_device_accessible
    print("memory: given back")


def main() -> None:
    device = Device()
    device.set_current()
    stream = device.create_stream()
    arrays = Arrays(DeviceMemoryResource(device), stream)
    options = ProgramOptions(std="c++17", arch=f"sm_{device.arch}")
    relocatable = ProgramOptions(std="c++17", arch=f"sm_{device.arch}", relocatable_device_code=True)
    run_programs(device, arrays, options)
    code = Program(SOURCE, code_type="c++", options=options).compile("ptx", name_expressions=("saxpy<float>",))
    run_linker(arrays, relocatable)
    run_streams_and_events(device, arrays, code)
    run_memory(device, arrays)
    device.sync()
    print("cuda-core agrees with NumPy")


if __name__ == "__main__":
    main()
