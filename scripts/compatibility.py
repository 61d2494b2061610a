"""Makes docs/reference/compatibility.md of the files in docs/reference/compatibility; --check: is it up to date?"""

# ruff: noqa: T201 (a program that talks to people)
from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from suites.record import WAYS, Record, read_all

_ROOT = Path(__file__).resolve().parents[1]
_PAGE = _ROOT / "docs" / "reference" / "compatibility.md"
_HEAD = """# Clients that run

Made by `scripts/compatibility.py` of the files in [compatibility/](compatibility/). Do not edit.

Programs and test suites that other people wrote, unmodified, on the emulated GPU: directly on its driver, and through
the client driver and a worker over shared memory and over TCP. `make test-clients` runs them and counts;
`make test` runs a small part. Nothing on this page has been seen on a real GPU.

| client | what was run | directly | shared memory | TCP |
| --- | --- | --- | --- | --- |
"""


def _count(record: Record | None) -> str:
    if record is None:
        return "not run"
    parts = [f"{record.passed} passed"]
    parts += [f"{record.failed} failed"] if record.failed else []
    parts += [f"{record.skipped} skipped"] if record.skipped else []
    return ", ".join(parts)


def _reasons(records: dict[str, Record]) -> str:
    """One table of a suite: every reason, and for how many tests it holds over each way."""
    rows: dict[tuple[str, str], dict[str, int]] = {}
    for way, record in records.items():
        for kind, reasons in (("failed", record.failures), ("skipped", record.skips)):
            for reason, count in reasons.items():
                rows.setdefault((kind, reason), {})[way] = count
    if not rows:
        return ""
    any_record = next(iter(records.values()))
    lines = [
        f"\n## {any_record.client}: {any_record.what}\n",
        "| tests | why | directly | shared memory | TCP |",
        "| --- | --- | --- | --- | --- |",
    ]
    for (kind, reason), counts in sorted(rows.items()):
        text = " ".join(reason.split()).replace("|", "\\|")
        cells = (str(counts.get(way, 0)) if way in records else "" for way in WAYS)
        lines.append(f"| {kind} | {text} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def page() -> str:
    """The whole page."""
    suites: dict[str, dict[str, Record]] = {}
    for record in read_all():
        suites.setdefault(record.suite, {})[record.way] = record
    text, details = _HEAD, ""
    for records in sorted(suites.values(), key=lambda one: next(iter(one.values())).client.lower()):
        any_record = next(iter(records.values()))
        cells = " | ".join(_count(records.get(way)) for way in WAYS)
        text += f"| {any_record.client} {any_record.version} | {any_record.what} | {cells} |\n"
        details += _reasons(records)
    return text + details


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; end with 1 when the page is out of date")
    options = parser.parse_args()
    wanted = page()
    if options.check:
        if not _PAGE.exists() or _PAGE.read_text() != wanted:
            print(f"{_PAGE.relative_to(_ROOT)} is out of date; run scripts/compatibility.py", file=sys.stderr)
            return 1
        return 0
    _PAGE.write_text(wanted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
