"""docs/reference/cuda-calls.md: every function, its class, and how it is answered."""

from __future__ import annotations

import re
from pathlib import Path

from generator.description import CLASSES, Description
from generator.header import Header

_TITLES = {
    "start": "Start, version, errors, symbols",
    "device": "Devices",
    "context": "Contexts",
    "module": "Modules",
    "library": "Libraries and kernels",
    "function": "Functions and launches",
    "link": "The JIT linker",
    "stream": "Streams",
    "event": "Events",
    "copy": "Copies",
    "fill": "Fills",
    "pool": "Memory pools",
    "memory": "Memory",
    "array": "Arrays",
    "texture": "Textures, surfaces, tensor maps",
    "graph": "Graphs",
    "sharing": "Between processes",
    "external": "Other APIs and their memory",
    "green": "Green contexts",
    "tools": "Checkpoints and core dumps",
}
_MEANING = {
    "local": "answered in the client, no message",
    "cached": "asked once, then answered in the client",
    "async": "queued, nobody waits",
    "create": "queued; the client makes the handle",
    "sync": "question and answer",
    "manual": "written by hand on both sides",
    "later": "exported; answers `CUDA_ERROR_NOT_SUPPORTED`",
}
_INTRODUCTION = """\
How gpool's drivers treat each of the {bases} functions of the CUDA {version} driver API. All {names} exported names,
with every older ABI and every per-thread-stream variant, can be found by `dlsym` and by `cuGetProcAddress`. The class
says how a call is meant to be answered; the last two columns say whether the client driver and the emulated GPU answer
it today. Where they do not, it answers `CUDA_ERROR_NOT_SUPPORTED`; `GPOOL_STATS` counts what was asked for in vain.

"""
# How a definition begins, in C++ sources of ours: at the start of a line, whatever the room calls its linkage.
_DEFINITION = re.compile(r'^(?:extern "C" )?[A-Z]\w+ (cu[A-Z]\w+)\(', re.MULTILINE)


def written(folder: Path) -> set[str]:
    """Names of the driver functions that the sources in this folder define; empty when there is no such folder."""
    return {name for source in sorted(folder.glob("*.cpp")) for name in _DEFINITION.findall(source.read_text())}


def page(
    header: Header, description: Description, numbers: dict[str, int], client: set[str], emulator: set[str]
) -> str:
    """The whole page. `client` and `emulator` are the names that each of the two defines by hand."""
    calls = description.calls
    answered = client | {name for name, call in calls.items() if call.on_wire and not call.by_hand}
    version = f"{header.cuda_version // 1000}.{header.cuda_version % 1000 // 10}"
    text = [
        "# CUDA driver calls\n\n",
        "<!-- Made by native/calls/generate.py. Do not edit. -->\n\n",
        _INTRODUCTION.format(bases=len(header.bases()), version=version, names=len(header.functions)),
        "| class | functions | client answers | emulator answers | meaning |\n| --- | ---: | ---: | ---: | --- |\n",
    ]
    for kind in CLASSES:
        names = {name for name, call in calls.items() if call.kind == kind}
        counts = f"{len(names)} | {len(names & answered)} | {len(names & emulator)}"
        text.append(f"| {kind} | {counts} | {_MEANING[kind]} |\n")
    groups: dict[str, list[str]] = {}
    for name, call in calls.items():
        groups.setdefault(call.group, []).append(name)
    for group, members in groups.items():
        text.append(f"\n## {_TITLES[group]}\n\n")
        text.append("| function | class | number on the wire | client | emulator |\n| --- | --- | ---: | --- | --- |\n")
        for name in sorted(members):
            number = numbers[name] if calls[name].on_wire else "–"
            marks = " | ".join("yes" if name in names else "–" for names in (answered, emulator))
            text.append(f"| `{name}` | {calls[name].kind} | {number} | {marks} |\n")
    text.append(
        "\n## Older ABIs\n\nThese are told in terms of another function. Those of the header that are named nowhere on "
    )
    text.append("this page answer\n`CUDA_ERROR_NOT_SUPPORTED`.\n\n| name | answered by |\n| --- | --- |\n")
    text += [f"| `{name}` | `{forward}` |\n" for name, forward in sorted(description.old.items())]
    return "".join(text)
