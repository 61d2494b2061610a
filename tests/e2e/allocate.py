"""Takes memory of its vGPU, as any CUDA program would, says what came of it as a line of JSON, and holds it.

The argument is how many MiB. It frees nothing and ends when its stdin does.
"""

import ctypes
import json
import sys

MIB = 1 << 20


def check(result):
    assert result == 0, f"the driver answered {result}"


def main():
    cuda = ctypes.CDLL("libcuda.so.1")
    check(cuda.cuInit(0))
    device, context = ctypes.c_int(), ctypes.c_void_p()
    check(cuda.cuDeviceGet(ctypes.byref(device), 0))
    whole = ctypes.c_size_t()
    check(cuda.cuDeviceTotalMem_v2(ctypes.byref(whole), device))
    check(cuda.cuDevicePrimaryCtxRetain(ctypes.byref(context), device))
    check(cuda.cuCtxSetCurrent(context))
    pointer = ctypes.c_uint64()
    result = cuda.cuMemAlloc_v2(ctypes.byref(pointer), ctypes.c_size_t(int(sys.argv[1]) * MIB))
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    check(cuda.cuMemGetInfo_v2(ctypes.byref(free), ctypes.byref(total)))
    seen = {"result": result, "device_total": whole.value, "free": free.value, "total": total.value}
    sys.stdout.write(json.dumps(seen) + "\n")
    sys.stdout.flush()
    sys.stdin.read()


main()
