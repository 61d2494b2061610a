"""Whatever a driver does, the client does as well: the bodies of tests/driver, through the wire.

What a client cannot do says so where it stands, with its reason (`not_through_the_pool`).
"""

from __future__ import annotations

import importlib
from pathlib import Path

import driver

for _path in sorted(Path(driver.__path__[0]).glob("test_driver_*.py")):
    for _name, _body in vars(importlib.import_module(f"driver.{_path.stem}")).items():
        if not _name.startswith("test_") or not callable(_body):
            continue
        if any(_mark.name == "not_through_the_pool" for _mark in getattr(_body, "pytestmark", [])):
            continue
        assert _name not in globals(), f"two bodies are called {_name}"
        globals()[_name] = _body
