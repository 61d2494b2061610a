"""What this host says of itself. On the path of `gpool run`."""

from __future__ import annotations

import os
import socket

__all__ = ["boot_id", "booted_at", "cores", "default_node_name", "memory_bytes"]


def boot_id() -> str:
    """The id that the kernel made at this boot; empty where /proc is hidden. Containers share their host's."""
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            return file.read().strip()
    except OSError:
        return ""


def booted_at() -> float:
    """When this host was started, in seconds since the epoch; 0 where /proc is hidden."""
    try:
        with open("/proc/stat") as file:
            return float(next(line.split()[1] for line in file if line.startswith("btime ")))
    except (OSError, StopIteration):
        return 0.0


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0))


def memory_bytes() -> int:
    """The host's memory in bytes."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def default_node_name() -> str:
    """A node name made of the host name: its first label, in the characters that a node name may have."""
    label = socket.gethostname().partition(".")[0].lower()
    name = "".join(sign if sign.isascii() and (sign.isalnum() or sign == "-") else "-" for sign in label)
    return name[:31].strip("-") or "node"
