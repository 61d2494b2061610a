"""What a test must not leave behind: processes, shared memory, sockets and temporary files of gpool."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Leftovers"]


def _children_of(pid: int) -> set[int]:
    found: set[int] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.add(int(entry.name))
    return found


def _describe(pid: int) -> str:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        command = "gone meanwhile"
    return f"process {pid} ({command})"


@dataclass(frozen=True)
class Leftovers:
    """A look at the machine: children of this process, and shared memory that bears one of our node names."""

    children: frozenset[int]
    shared_memory: frozenset[str]

    @classmethod
    def look(cls, nodes: tuple[str, ...]) -> Leftovers:
        """`nodes`: the names that the tests gave to their emulated nodes, so that no other program's files count."""
        ours = f"gpool-{os.getuid()}"
        shared: set[str] = set()
        for folder in (Path("/dev/shm"), Path(f"/dev/shm/{ours}")):
            if folder.is_dir():
                shared |= {str(entry) for entry in folder.iterdir() if any(node in entry.name for node in nodes)}
        return cls(frozenset(_children_of(os.getpid())), frozenset(shared))

    def new_since(self, before: Leftovers) -> list[str]:
        """What is here now and was not before, in words."""
        return [
            *(_describe(pid) for pid in sorted(self.children - before.children)),
            *(f"shared memory {name}" for name in sorted(self.shared_memory - before.shared_memory)),
        ]
