"""The graph builder of cuda-core, unmodified: a fork and a join, captured, launched thrice. Compares with NumPy."""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import numpy as np
from cuda.core import Device, DeviceMemoryResource, LaunchConfig, ObjectCode, Program, ProgramOptions, launch
from cuda_core_objects import SOURCE, Arrays


def run_graph(device: Device, arrays: Arrays, code: ObjectCode) -> None:
    """Captured once with a fork and a join, launched three times."""
    kernel = code.get_kernel("saxpy<float>")
    config = LaunchConfig(grid=2, block=128)
    x, left, right = (arrays.put(values) for values in np.float32([[1] * 256, [0] * 256, [5] * 256]))
    builder = device.create_graph_builder().begin_building()
    launch(builder, config, kernel, np.float32(2), x, left, np.uint64(256))
    branch, second = builder.split(2)
    launch(branch, config, kernel, np.float32(1), left, right, np.uint64(256))
    launch(second, config, kernel, np.float32(1), x, x, np.uint64(256))
    builder = type(builder).join(branch, second)
    graph = builder.end_building().complete()
    graph.upload(arrays.stream)
    for _ in range(3):
        graph.launch(arrays.stream)
    # x doubles at each launch: 2 + 4 + 8 of it go to the left, whose running sums go to the right.
    assert arrays.get(x, np.float32).tolist() == [8.0] * 256
    assert arrays.get(left, np.float32).tolist() == [14.0] * 256
    assert arrays.get(right, np.float32).tolist() == [5.0 + 2 + 6 + 14] * 256
    graph.close()
    builder.close()
    print("graph: three launches of three kernels")


def main() -> None:
    device = Device()
    device.set_current()
    arrays = Arrays(DeviceMemoryResource(device), device.create_stream())
    options = ProgramOptions(std="c++17", arch=f"sm_{device.arch}")
    code = Program(SOURCE, code_type="c++", options=options).compile("ptx", name_expressions=("saxpy<float>",))
    run_graph(device, arrays, code)
    print("cuda-core agrees with NumPy")


if __name__ == "__main__":
    main()
