"""What is kept of one run of a suite over one way: a JSON file in docs/reference/compatibility."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

__all__ = ["FOLDER", "WAYS", "Record", "read_all"]

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference" / "compatibility"
WAYS = ("emulator", "shm", "tcp")


@dataclass(frozen=True)
class Record:
    """`suite` names the file and must not change; `failures` and `skips`: why, and how many tests."""

    suite: str
    client: str
    version: str
    what: str
    """What was run, in a few words for the table."""
    way: str
    passed: int
    failed: int
    skipped: int
    failures: dict[str, int] = field(default_factory=dict)
    skips: dict[str, int] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        """The file of this suite and way."""
        return FOLDER / f"{self.suite}-{self.way}.json"

    def write(self) -> None:
        """Replaces the file."""
        FOLDER.mkdir(parents=True, exist_ok=True)
        self.path.write_text(json.dumps(asdict(self), indent=2, ensure_ascii=False) + "\n")


def read_all() -> list[Record]:
    """All records. Raises ValueError where the numbers of one do not fit together, or its name its content."""
    records = []
    for path in sorted(FOLDER.glob("*.json")):
        record = Record(**json.loads(path.read_text()))
        if record.way not in WAYS or record.path != path:
            raise ValueError(f"{path.name} is about suite {record.suite!r} over {record.way!r}; rename it or mend it")
        if sum(record.failures.values()) != record.failed or sum(record.skips.values()) != record.skipped:
            raise ValueError(f"the reasons in {path.name} do not add up to its counts; record it again")
        records.append(record)
    return records
