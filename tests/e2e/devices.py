"""Asks the driver, as any CUDA program would, what devices there are, and prints it as JSON.

With `hold` as its argument it also allocates memory, says so, and keeps it until its stdin ends.
"""

import ctypes
import json
import sys

ALLOCATION_BYTES = 64 << 20


def check(what, result):
    if result != 0:
        sys.stdout.write(json.dumps({"failed": what, "result": result}) + "\n")
        sys.exit(1)


def main():
    cuda = ctypes.CDLL("libcuda.so.1")
    check("cuInit", cuda.cuInit(0))
    count = ctypes.c_int()
    check("cuDeviceGetCount", cuda.cuDeviceGetCount(ctypes.byref(count)))
    devices = []
    pointer = ctypes.c_uint64()
    for ordinal in range(count.value):
        device = ctypes.c_int()
        check("cuDeviceGet", cuda.cuDeviceGet(ctypes.byref(device), ordinal))
        name = ctypes.create_string_buffer(256)
        check("cuDeviceGetName", cuda.cuDeviceGetName(name, 256, device))
        context = ctypes.c_void_p()
        check("cuDevicePrimaryCtxRetain", cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
        check("cuCtxSetCurrent", cuda.cuCtxSetCurrent(context))
        if "hold" in sys.argv:
            check("cuMemAlloc", cuda.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(ALLOCATION_BYTES)))
            check("cuCtxSynchronize", cuda.cuCtxSynchronize())
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        check("cuMemGetInfo", cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)))
        devices.append({"name": name.value.decode(), "free": free.value, "total": total.value})
    sys.stdout.write(json.dumps(devices) + "\n")
    sys.stdout.flush()
    if "hold" in sys.argv:
        sys.stdin.read()


main()
