"""A worker finds every function of the driver below it, or a polite stand-in."""

from __future__ import annotations

import subprocess

from .conftest import built


def test_functions_are_found_by_name_and_version_and_never_null() -> None:
    program = built("tests/calls/gpool_driver_table_test")
    drivers = [built("tests/calls/libcuda.so.1"), built("tests/calls/libgpool_old_driver.so")]
    done = subprocess.run([program, *drivers], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout
