"""A program that holds 64 MiB of device memory, and says for each line on its standard input how the GPU is.

Its lines: "ready", then the CUresult of a copy to the device and back, or "wrong" where other bytes came back.
"""

# ruff: noqa: T201 (a program that talks to its test)
from __future__ import annotations

import sys
from ctypes import byref, c_char, c_size_t, c_uint64, create_string_buffer

from cuda.driver import Driver

SIZE = 5 << 20

driver = Driver(sys.argv[1])
driver.start()
pointer = driver.allocate(64 << 20)
print("ready", flush=True)
for number, _ in enumerate(sys.stdin):
    data = bytes([number % 251, 7, 5, 3]) * (SIZE // 4)
    back = create_string_buffer(SIZE)
    code = driver.code("cuMemcpyHtoD_v2", c_uint64(pointer), (c_char * SIZE).from_buffer_copy(data), c_size_t(SIZE))
    code = code or driver.code("cuMemcpyDtoH_v2", byref(back), c_uint64(pointer), c_size_t(SIZE))
    print(code or (0 if back.raw == data else "wrong"), flush=True)
