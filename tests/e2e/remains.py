"""What processes of a pool leave on the machine, as far as anybody could see it: to be the same before and after."""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from pathlib import Path

__all__ = ["remains"]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []  # it has ended meanwhile, or is another user's


def _shared_memory(process: Path) -> list[str]:
    """Names of the memory files that a process has mapped or open, once each: sessions, leases, emulated GPUs."""
    names = {line.split(maxsplit=5)[-1] for line in _lines(process / "maps") if "memfd:" in line or ".ledger" in line}
    with contextlib.suppress(OSError):
        for entry in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = os.readlink(entry)
                if target.startswith("/memfd:"):
                    names.add(target)
    return sorted(names)


def remains(runtime: Path) -> Counter[str]:
    """Processes (by name and state), shared memory, sockets and files of the pool whose runtime folder that is.

    A process counts as the pool's when it has the folder in its environment, or when it is a zombie and its parent has.
    """
    mark = f"XDG_RUNTIME_DIR={runtime}".encode()
    ours: set[int] = set()
    found: Counter[str] = Counter()
    zombies: list[tuple[int, str]] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            stat = (process / "stat").read_text()
            environment = (process / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        name = stat[stat.index("(") + 1 : stat.rindex(")")]
        state, parent = stat.rpartition(")")[2].split()[:2]
        if state in "ZX":
            zombies.append((int(parent), name))
        elif mark in environment:
            ours.add(int(process.name))
            found[f"process {name}"] += 1
            found.update(f"memory {name}" for name in _shared_memory(process))
    found.update(f"zombie {name}" for parent, name in zombies if parent in ours)
    # The book of an emulated GPU stays as long as its node does.
    files = [path for path in runtime.rglob("*") if not path.is_dir() and not path.match("emulated-*.ledger")]
    found.update(f"file {path.relative_to(runtime)}" for path in files)
    found.update(f"folder {re.sub(r'[0-9]+-[0-9a-f]+$', '', path.name)}" for path in runtime.glob("*/run-*"))
    return found
