"""A program that never stops computing: it uploads, launches, downloads and compares, step after step.

Each line on its stdin asks for a sign of life: it says how many steps it has done when it has done three more. It ends
in good order with its stdin. When a call fails, it says which one, with what, and what other calls answer afterwards;
then it waits for another line, or the end of its stdin: a program that handles its errors goes on living.
"""

import json
import select
import sys
from ctypes import byref, c_uint64, c_void_p
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cuda.driver import CudaError, Driver

WORDS = 16 * 1024
BREATH_S = 0.005  # between steps: the machine has others to serve, and the steps are to count, not to be many
SCALE = """
.version 7.0
.target sm_70
.address_size 64
.visible .entry scale(.param .u64 data, .param .u32 by)
{
  .reg .b32 %r<8>; .reg .b64 %d<4>; .reg .pred %p;
  ld.param.u64 %d1, [data]; ld.param.u32 %r1, [by];
  mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mov.u32 %r4, %tid.x;
  mad.lo.u32 %r5, %r2, %r3, %r4;
  mul.wide.u32 %d2, %r5, 4;
  add.u64 %d3, %d1, %d2;
  ld.global.u32 %r6, [%d3];
  mul.lo.u32 %r6, %r6, %r1;
  st.global.u32 [%d3], %r6;
  ret;
}
"""


def say(**values: object) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def answers_afterwards(driver: Driver, memory: int, function: int) -> dict[str, int]:
    """What calls of every kind answer now."""
    return {
        "cuCtxSynchronize": driver.code("cuCtxSynchronize"),
        "cuMemAlloc_v2": driver.code("cuMemAlloc_v2", byref(c_uint64()), 1 << 20),
        "cuMemFree_v2": driver.code("cuMemFree_v2", memory),
        "cuMemcpyHtoD_v2": driver.code("cuMemcpyHtoD_v2", memory, b"1234", 4),
        "cuStreamCreate": driver.code("cuStreamCreate", byref(c_void_p()), 0),
        "cuLaunchKernel": driver.launch_code(function, arguments=[memory, 1]),
    }


def main() -> None:
    driver = Driver("libcuda.so.1")
    driver.start()
    # Not `sys.stdin`: that would read ahead, past what `select` sees and what the next process should hear.
    stdin = open(0, "rb", buffering=0)  # noqa: SIM115 - it ends with the process
    memory = driver.allocate(4 * WORDS)
    function = driver.function(driver.module(SCALE), "scale")
    steps, due = 0, None
    try:
        while True:
            by = steps % 1000 + 1
            driver.upload(memory, (by * 7).to_bytes(4, "little") * WORDS)
            driver.launch(function, grid=(WORDS // 256, 1, 1), block=(256, 1, 1), arguments=[memory, by])
            if driver.download(memory, 4 * WORDS) != (by * by * 7).to_bytes(4, "little") * WORDS:
                say(wrong=steps)
                sys.exit(1)
            steps += 1
            if select.select([stdin] if due is None else [], [], [], BREATH_S)[0]:
                if not stdin.readline():
                    return
                due = steps + 3
            if due == steps:
                say(steps=steps)
                due = None
    except CudaError as error:
        say(failed=error.call, code=error.code, afterwards=answers_afterwards(driver, memory, function))
        stdin.readline()


main()
