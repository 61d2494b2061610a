# ruff: noqa: T201
"""GPUs for a script that runs already; the cells of a notebook look the same.

python examples/acquire.py
"""

import ctypes

import gpool

with gpool.acquire(gpus=1, memory="512MiB", timeout="5m") as lease:
    print(lease)
    # From here on every framework finds the lease's GPUs; this is what they do first.
    cuda = ctypes.CDLL("libcuda.so.1")
    count, name = ctypes.c_int(), ctypes.create_string_buffer(100)
    assert cuda.cuInit(0) == 0
    assert cuda.cuDeviceGetCount(ctypes.byref(count)) == 0
    for device in range(count.value):
        assert cuda.cuDeviceGetName(name, len(name), device) == 0
        print(f"device {device}: {name.value.decode()}")
