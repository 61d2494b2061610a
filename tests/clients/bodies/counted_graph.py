"""Captures 50 fills and copies through cuda.bindings; replays are between cuProfilerStart and cuProfilerStop."""

from __future__ import annotations

import numpy as np
from cuda.bindings import driver


def call(function, *arguments):
    """What the call gives besides its status."""
    status, *values = function(*arguments)
    assert status == driver.CUresult.CUDA_SUCCESS, f"{function.__name__}: {status}"
    return values[0] if len(values) == 1 else values


def main() -> None:
    call(driver.cuInit, 0)
    context = call(driver.cuDevicePrimaryCtxRetain, 0)
    call(driver.cuCtxSetCurrent, context)
    stream = call(driver.cuStreamCreate, driver.CUstream_flags.CU_STREAM_NON_BLOCKING)
    one, other = (call(driver.cuMemAlloc, 400) for _ in range(2))
    call(driver.cuStreamBeginCapture, stream, driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)
    for i in range(50):
        call(driver.cuMemsetD32Async, int(one) + 4 * i, i, 1, stream)
        call(driver.cuMemcpyDtoDAsync, int(other) + 4 * i, int(one) + 4 * i, 4, stream)
    graph = call(driver.cuStreamEndCapture, stream)
    executable = call(driver.cuGraphInstantiate, graph, 0)
    call(driver.cuGraphLaunch, executable, stream)
    call(driver.cuStreamSynchronize, stream)

    call(driver.cuProfilerStart)
    call(driver.cuGraphLaunch, executable, stream)
    call(driver.cuProfilerStop)
    call(driver.cuStreamSynchronize, stream)

    call(driver.cuProfilerStart)
    for _ in range(3):
        call(driver.cuGraphLaunch, executable, stream)
    call(driver.cuStreamSynchronize, stream)
    call(driver.cuProfilerStop)

    copied = np.zeros(50, np.uint32)
    call(driver.cuMemcpyDtoH, copied.ctypes.data, other, copied.nbytes)
    assert copied.tolist() == list(range(50))


if __name__ == "__main__":
    main()
