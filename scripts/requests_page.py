"""Writes the table of docs/reference/requests.md from what the code knows; a test compares."""

import sys
from pathlib import Path

from gpool.launch.asking import WAYS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/reference/requests.md"
BEGIN, END = "<!-- table: scripts/requests_page.py -->", "<!-- end of the table -->"


def table() -> str:
    """Every way to say something, one a row."""
    rows = ["| flag | variable | file | Python | field of the API | meaning |", "| --- | --- | --- | --- | --- | --- |"]
    for way in WAYS:
        metavar = way.metavar or "|".join(way.choices)
        flag = f"--{way.name} {metavar}".strip().replace("|", "\\|")
        field = f"`{way.field}`" if way.field else "(not sent)"
        meaning = way.help.replace("|", "\\|")
        rows.append(f"| `{flag}` | `{way.variable}` | `{way.name}` | `{way.argument}` | {field} | {meaning} |")
    return "\n".join([BEGIN, "", *rows, "", END])


def page(before: str) -> str:
    """The page with the table as it should be."""
    head, _, rest = before.partition(BEGIN)
    return head + table() + rest.partition(END)[2]


if __name__ == "__main__":
    text = PAGE.read_text()
    if "--check" in sys.argv:
        sys.exit(text != page(text))
    PAGE.write_text(page(text))
