"""The functions that a worker may call in the driver below it."""

from __future__ import annotations

from generator.description import Description
from generator.exports import NOTICE
from generator.header import Function, Header


def _called(header: Header, description: Description) -> list[Function]:
    names = {name for name, call in description.calls.items() if call.kind != "later"}
    return [f for f in header.functions.values() if f.name in names]


def members(header: Header, description: Description) -> str:
    """driver_table_members.h: one function pointer each, included into the body of the struct."""
    rows = []
    for function in _called(header, description):
        types = ", ".join(p.unnamed for p in function.parameters)
        rows.append(f"CUresult (*{function.name})({types}) = &missing;\n")
    return NOTICE + "".join(rows)


def rows(header: Header, description: Description) -> str:
    """driver_table_rows.h: how each of them is found: base name, version, exported name, older name of the same ABI."""
    version = {v.name: v.version for v in header.versions if not v.per_thread}
    same: dict[str, str] = {}
    for old, forward in description.old.items():
        function = header.functions[old]
        target = forward.partition("(")[0]
        if forward == f"{target}({function.arguments})" and _types(function) == _types(header.functions[target]):
            same[target] = f'"{old}"'
    text = "".join(
        f'GPOOL_DRIVER_ROW({f.name}, "{f.base}", {version[f.name]}, {same.get(f.name, "nullptr")})\n'
        for f in _called(header, description)
    )
    return NOTICE + text


def _types(function: Function) -> list[str]:
    return [p.type for p in function.parameters]
