"""docs/reference/cuda-calls.md: every function, its class, and how it is answered."""

from __future__ import annotations

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
How gpool's driver treats each of the {bases} functions of the CUDA {version} driver API. All {names} exported names,
with every older ABI and every per-thread-stream variant, can be found by `dlsym` and by `cuGetProcAddress`. The class
says how a call is meant to be answered. A `local`, `cached` or `manual` call that has not been written yet behaves like
`later`; `GPOOL_STATS` counts what a program asked for in vain.

"""


def page(header: Header, description: Description, numbers: dict[str, int]) -> str:
    """The whole page."""
    calls = description.calls
    counts = {kind: sum(call.kind == kind for call in calls.values()) for kind in CLASSES}
    version = f"{header.cuda_version // 1000}.{header.cuda_version % 1000 // 10}"
    text = [
        "# CUDA driver calls\n\n",
        "<!-- Made by native/calls/generate.py. Do not edit. -->\n\n",
        _INTRODUCTION.format(bases=len(header.bases()), version=version, names=len(header.functions)),
        "| class | functions | meaning |\n| --- | ---: | --- |\n",
        *(f"| {kind} | {counts[kind]} | {_MEANING[kind]} |\n" for kind in CLASSES),
    ]
    groups: dict[str, list[str]] = {}
    for name, call in calls.items():
        groups.setdefault(call.group, []).append(name)
    for group, names in groups.items():
        text.append(f"\n## {_TITLES[group]}\n\n| function | class | number on the wire |\n| --- | --- | ---: |\n")
        text += [
            f"| `{name}` | {calls[name].kind} | {numbers[name] if calls[name].on_wire else '–'} |\n"
            for name in sorted(names)
        ]
    text.append(
        "\n## Older ABIs\n\nAnswered by another function. Those not listed answer `CUDA_ERROR_NOT_SUPPORTED`.\n\n"
    )
    text.append("| name | answered by |\n| --- | --- |\n")
    text += [f"| `{name}` | `{forward}` |\n" for name, forward in sorted(description.old.items())]
    return "".join(text)
