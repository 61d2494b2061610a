#!/usr/bin/env python3
"""Writes native/calls/generated/ and docs/reference/cuda-calls.md; with --check, says whether they are up to date."""

from __future__ import annotations

import argparse
import difflib
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from generator import coverage, description, driver_table, exports, header, nvml, types, wire

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
GENERATED = HERE / "generated"


def _default_include() -> Path | None:
    for folder in sys.path:
        candidate = Path(folder, "nvidia", "cu13", "include")
        if (candidate / "cuda.h").is_file():
            return candidate
    return None


def outputs(include: Path) -> dict[Path, str]:
    """Every generated file and its text. Reads the headers and the .toml files, writes nothing."""
    api = header.read(include)
    told = description.read(HERE / "calls.toml", api)
    travelling = [told.calls[name] for name in sorted(told.calls) if told.calls[name].on_wire]
    layouts = types.layouts(api, travelling, include)
    numbers, ids_text = wire.assign_ids(HERE / "ids.toml", [call.name for call in travelling])
    client = coverage.written(ROOT / "native" / "client")
    emulator = coverage.written(ROOT / "native" / "emulator" / "driver")
    return {
        ROOT / "native" / "nvml" / "generated" / "defaults.cpp": nvml.defaults(nvml.read(include)),
        HERE / "ids.toml": ids_text,
        ROOT / "docs" / "reference" / "cuda-calls.md": coverage.page(api, told, numbers, client, emulator),
        GENERATED / "ids.h": wire.ids(numbers, layouts),
        GENERATED / "arguments.h": wire.arguments(layouts),
        GENERATED / "client_stubs.cpp": wire.client_stubs(layouts),
        GENERATED / "worker_dispatch.cpp": wire.worker_dispatch(layouts),
        GENERATED / "driver_table_members.h": driver_table.members(api, told),
        GENERATED / "driver_table_rows.h": driver_table.rows(api, told),
        GENERATED / "names.h": exports.names(api),
        GENERATED / "newer.h": exports.newer(api),
        GENERATED / "defaults.cpp": exports.defaults(api, told),
        GENERATED / "default_streams.cpp": exports.default_streams(api, told),
        GENERATED / "versions.cpp": exports.versions(api),
    }


def _header_version() -> int:
    """CUDA_VERSION of the header that the committed files were made from; 0 when there are none."""
    names = GENERATED / "names.h"
    found = re.search(r"GPOOL_CUDA_HEADER_VERSION (\d+)", names.read_text()) if names.is_file() else None
    return int(found[1]) if found else 0


def check(wanted: dict[Path, str], version: int) -> int:
    """Compares with what is on disk and prints a summary of the differences. Returns the exit status.

    `version` is CUDA_VERSION of the header that `wanted` was made from.
    """
    stale = 0
    for path, text in wanted.items():
        have = path.read_text() if path.is_file() else ""
        if have == text:
            continue
        stale += 1
        changes = [
            line
            for line in difflib.unified_diff(have.splitlines(), text.splitlines(), lineterm="", n=0)
            if line[:1] in "+-" and line[:3] not in ("+++", "---")
        ]
        print(f"{path.relative_to(ROOT)}: {len(changes)} lines differ")  # noqa: T201
        for line in changes[:6]:
            print(f"    {line[:160]}")  # noqa: T201
    unknown = sorted({p for p in GENERATED.iterdir() if p.suffix in (".h", ".cpp")} - wanted.keys())
    for path in unknown:
        print(f"{path.relative_to(ROOT)}: nothing makes this file")  # noqa: T201
    if stale and (made_from := _header_version()) != version:
        print(f"The committed files were made from CUDA {made_from}, but these headers are {version}:")  # noqa: T201
        print("compare with the same release of nvidia-cuda-runtime, or move the project to the newer one.")  # noqa: T201
    if stale or unknown:
        print("Run native/calls/generate.py and commit what it writes.")  # noqa: T201
    return 1 if stale or unknown else 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--include", type=Path, help="folder with cuda.h (default: of nvidia-cuda-runtime)")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is out of date")
    options = parser.parse_args()
    include = options.include or _default_include()
    if include is None:
        parser.error("no cuda.h in this Python; install nvidia-cuda-runtime 13.5 or give --include FOLDER")
    wanted = outputs(include)
    if options.check:
        return check(wanted, header.cuda_version(include))
    for path, text in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.is_file() or path.read_text() != text:
            path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
