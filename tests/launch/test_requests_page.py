"""The page about requests has what the code has: every way to say something, and every field of the model."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gpool.launch.asking import WAYS
from gpool.model.lease import LeaseRequest
from gpool.model.placement import Placement

ROOT = Path(__file__).parents[2]
SENT_BY_THE_LAUNCHER = {"command", "host", "host_id", "user"}


def test_the_table_is_as_it_would_be_written_now() -> None:
    check = [sys.executable, str(ROOT / "scripts/requests_page.py"), "--check"]
    subprocess.run(check, check=True, env={"PYTHONPATH": str(ROOT / "src")})


def test_every_field_of_a_request_can_be_said() -> None:
    fields = set(LeaseRequest.model_fields) - {"placement"} - SENT_BY_THE_LAUNCHER
    fields |= {f"placement.{name}" for name in Placement.model_fields}
    assert {way.field for way in WAYS if way.field} == fields
