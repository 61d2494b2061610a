"""Addresses, sizes of images and leases: the client's parts that need no worker (native/tests/client)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GPOOL_BUILD", ROOT / "build"))


def test_parts_hold() -> None:
    program = BUILD / "tests" / "gpool-client-parts"
    if not program.exists():
        sentence = f"{program} is missing: build with -DGPOOL_BUILD_TESTS=ON, or name the build folder in GPOOL_BUILD"
        pytest.fail(sentence) if "GPOOL_BUILD" in os.environ else pytest.skip(sentence)
    done = subprocess.run([program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
