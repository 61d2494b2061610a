"""Waits for a kernel that never ends, and says as JSON what came of that, and what other calls answer afterwards."""

import json
import sys
from ctypes import byref, c_uint64
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from cuda.driver import Driver

NEVER_END = """
.version 7.0
.target sm_70
.address_size 64
.visible .entry never_end()
{
again:
  bra again;
}
"""

driver = Driver("libcuda.so.1")
driver.start()
driver.launch(driver.function(driver.module(NEVER_END), "never_end"))
sys.stdout.write(json.dumps({"at work": driver.code("cuStreamQuery", 0)}) + "\n")
sys.stdout.flush()
codes = [driver.code("cuCtxSynchronize"), driver.code("cuMemAlloc_v2", byref(c_uint64()), 1 << 20)]
sys.stdout.write(json.dumps({"codes": codes}) + "\n")
