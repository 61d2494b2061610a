"""What kernels print, and the words of their failed assertions, come out of the program over every driver."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from harness.drivers import Driver
from harness.toolchain import Nvcc

_SOURCES = Path(__file__).parent.parent / "cuda_programs" / "printing"
_CONVERSIONS = """\
-7 8 9 10 ff FF k %
-1234567890123 -5 18446744073709551615 deadbeefcafe
1.500000 2.38 1.234568e+04 0.0001|     3.142|2.5     |+5
text|   right|left    |cut
   42|42   |00042|    42
no arguments
after conversions
""".splitlines()


def test_printf_comes_out_in_order_at_each_synchronisation(driver: Driver, nvcc: Nvcc) -> None:
    program = nvcc.compile(_SOURCES / "device_printf.cu")
    lines = driver.run([str(program)], timeout_s=120).splitlines()
    assert lines[: len(_CONVERSIONS)] == _CONVERSIONS
    lines = lines[len(_CONVERSIONS) :]
    for turn in range(3):
        printed, lines = lines[:128], lines[128:]
        assert sorted(printed) == sorted(f"turn {turn} thread {thread}" for thread in range(128))
        assert lines.pop(0) == f"after turn {turn}"
    # Room for 4096 bytes: the newest lines are there, whole and in order, and nothing before them.
    *fillers, last = lines
    assert last == "PASS device_printf prints"
    assert 4096 - 2 * len("filler 0 0000\n") < sum(len(line) + 1 for line in fillers) <= 4096
    assert fillers == [f"filler 3 {thread:04}" for thread in range(1024 - len(fillers), 1024)]


def test_a_failed_assertion_is_on_standard_error_before_the_program_hears_of_it(driver: Driver, nvcc: Nvcc) -> None:
    program = nvcc.compile(_SOURCES / "device_assert.cu")
    done = subprocess.run(
        [str(program)], env=driver.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120
    )
    assert (done.returncode, done.stdout) == (0, "PASS device_assert stays\n"), done.stderr
    told = done.stderr[: done.stderr.index("the program has been told")]
    pattern = r"^(.*device_assert\.cu):\d+: (.*): block: \[0,0,0\], thread: \[(\d),0,0\] Assertion `(.*)` failed\.$"
    found = re.findall(pattern, told, re.MULTILINE)
    assert [(function, thread) for _, function, thread, _ in found] == [
        ("void at_most(int)", "2"),
        ("void at_most(int)", "3"),
    ]
    assert {text for *_, text in found} == {"static_cast<int>(threadIdx.x) < limit"}
