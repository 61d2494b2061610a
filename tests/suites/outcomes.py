"""A pytest plugin for suites that others wrote: writes what became of each test to the file `--outcomes` names.

The file is JSON: {"passed": [node ids], "failed": {node id: last line of the error}, "skipped": {node id: reason}}.
Tests that their authors expect to fail count as skipped. Under pytest-xdist the controlling process writes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest


class Outcomes:
    """Collects the reports of one run."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.passed: set[str] = set()
        self.failed: dict[str, str] = {}
        self.skipped: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Setup, call and teardown of a test each report once; the worst counts."""
        name = _name(report)
        if report.failed:
            self.failed.setdefault(name, _last_line(report))
        elif report.skipped:
            self.skipped.setdefault(name, _skip_reason(report))
        elif report.when == "call":
            self.passed.add(name)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """A file that cannot be imported is one failure; one that is skipped whole is one skip."""
        if report.failed:
            self.failed[report.nodeid] = _last_line(report)
        elif report.skipped:
            self.skipped[report.nodeid] = _skip_reason(report)

    def pytest_sessionfinish(self) -> None:
        """Writes the file."""
        outcomes = {
            "passed": sorted(self.passed - self.failed.keys()),
            "failed": dict(sorted(self.failed.items())),
            "skipped": dict(sorted((k, v) for k, v in self.skipped.items() if k not in self.failed)),
        }
        self._file.write_text(json.dumps(outcomes, indent=1) + "\n")


def _name(report: pytest.TestReport) -> str:
    """The node id; of files outside the root folder it lacks the file."""
    file = Path(report.location[0]).name
    return report.nodeid if file in report.nodeid else f"{file}{report.nodeid}"


def _last_line(report: pytest.TestReport | pytest.CollectReport) -> str:
    crash = getattr(report.longrepr, "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return (lines[0] if crash is not None else lines[-1])[:300] if lines else "no message"


def _skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    if getattr(report, "wasxfail", None) is not None:
        return f"expected to fail, its authors say: {report.wasxfail}".rstrip(": ")
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ").strip()[:300]


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option."""
    parser.addoption("--outcomes", type=Path, help="file that receives what became of each test, as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Only the process that controls the run writes."""
    file = config.getoption("--outcomes")
    if file is not None and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Outcomes(file.absolute()))


@pytest.fixture
def initialize_from_pytest_config() -> None:
    """numba-cuda's tests ask for it, and the wheel lacks the conftest.py that has it: it serves their log."""
