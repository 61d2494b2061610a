"""Behaviour of a CUDA driver, as bodies that take a `driver`. README.md says how to write one and how to run them.

GPOOL_DRIVER names another driver than the emulated GPU's: NVIDIA's, on a machine that has one.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from driver.child import DriverUnderTest, run_in_child

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("GPOOL_BUILD", ROOT / "build"))

MARKS = (
    "environment(**names): environment variables of the driver under test; on other drivers the body is left out",
    "ours(why): CUDA leaves it undefined, our drivers do not; left out on other drivers",
    "not_through_the_pool(why): a client cannot do this (yet), for this reason",
)


def pytest_configure(config: pytest.Config) -> None:
    for mark in MARKS:
        config.addinivalue_line("markers", mark)


def emulated_driver() -> Path:
    """The emulated GPU's driver. Skips the test when it was not built; fails it when GPOOL_BUILD promises it."""
    path = BUILD / "emulator" / "libcuda.so.1"
    if not path.exists():
        sentence = f"{path} is missing: build the native parts, or name the build folder in GPOOL_BUILD"
        if "GPOOL_BUILD" in os.environ:
            pytest.fail(sentence)
        pytest.skip(sentence)
    return path


@pytest.fixture
def driver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DriverUnderTest]:
    marks: dict[str, str] = {}
    for mark in reversed(list(request.node.iter_markers("environment"))):
        marks |= mark.kwargs
    if "GPOOL_DRIVER" in os.environ:
        if marks:
            pytest.skip(f"needs a driver that knows {', '.join(marks)}")
        for mark in request.node.iter_markers("ours"):
            pytest.skip(f"CUDA leaves it undefined: {mark.args[0]}")
        yield DriverUnderTest(Path(os.environ["GPOOL_DRIVER"]))
        return
    path = emulated_driver()
    # A node of its own: no memory shared with other tests.
    environment = {"GPOOL_EMULATOR_NODE": f"test-{os.getpid()}", "XDG_RUNTIME_DIR": str(tmp_path)} | marks
    yield DriverUnderTest(path, environment)
    assert not list(tmp_path.glob("gpool/*.ledger")), "the memory ledger was left behind"


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    under_test = pyfuncitem.funcargs.get("driver")
    if not isinstance(under_test, DriverUnderTest):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    if outcome := run_in_child(pyfuncitem.obj, {name: pyfuncitem.funcargs[name] for name in names}):
        pytest.fail(outcome, pytrace=False)
    return True
