"""What a host says of itself, and where its native files are."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from gpool.errors import GpoolError
from gpool.hardware import host, native_files
from gpool.model.ids import NODE_NAME_PATTERN


@pytest.mark.parametrize(
    ("hostname", "name"),
    [
        ("gpu7.cluster.example", "gpu7"),
        ("Gpu_Box", "gpu-box"),
        ("-", "node"),
        ("größe", "gr--e"),
        ("x" * 60, "x" * 31),
    ],
)
def test_a_node_name_is_made_of_any_host_name(hostname: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "gethostname", lambda: hostname)
    assert host.default_node_name() == name
    assert re.fullmatch(NODE_NAME_PATTERN, name)


def test_facts() -> None:
    assert host.boot_id() == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert 1 <= host.cores() <= (os.cpu_count() or 1)
    assert host.memory_bytes() > 1 << 28


def test_native_files_of_the_package_and_of_a_build_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GPOOL_NATIVE", raising=False)
    assert native_files.native_folder().endswith("/gpool/native")
    monkeypatch.setenv("GPOOL_NATIVE", str(tmp_path))
    with pytest.raises(GpoolError, match=r"bin/gpool-workerd' is missing; install gpool again"):
        native_files.workerd_program()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "gpool-workerd").touch()
    assert native_files.workerd_program() == str(tmp_path / "bin" / "gpool-workerd")
