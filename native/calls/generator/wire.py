"""The numbers and packed structs of the calls that travel, and the code on either side."""

from __future__ import annotations

import tomllib
from pathlib import Path

from generator.exports import NOTICE
from generator.types import LOCATIONS, Field, Layout

FIRST_ID = 64  # smaller numbers are messages of the session: native/wire/messages.h
LAST_ID = 65535


def assign_ids(path: Path, names: list[str]) -> tuple[dict[str, int], str]:
    """The numbers in ids.toml, with the next free ones for names that have none, and the file's new text."""
    text = path.read_text()
    ids: dict[str, int] = tomllib.loads(text)["ids"]
    if len(set(ids.values())) != len(ids) or not all(FIRST_ID <= n <= LAST_ID for n in ids.values()):
        raise SystemExit(f"ids.toml: a number is used twice, or is not within {FIRST_ID} and {LAST_ID}")
    following = max(ids.values(), default=FIRST_ID - 1) + 1
    for name in names:
        if name not in ids:
            ids[name] = following
            text += f"{name} = {following}\n"
            following += 1
    return ids, text


def ids(numbers: dict[str, int], layouts: list[Layout]) -> str:
    """ids.h: the enumeration of the calls on the wire, and their names."""
    rows = sorted((numbers[layout.call.name], layout.call.name) for layout in layouts)
    return (
        f"{NOTICE}#pragma once\n\n#include <cstdint>\n\nnamespace gpool::calls {{\n\n"
        "// Assigned once in ids.toml, never reused. Below 64: wire::Message.\n"
        "enum class Id : uint16_t {\n  none = 0,\n"
        + "".join(f"  {name} = {number},\n" for number, name in rows)
        + "};\n\n"
        "// For logs and traces; null for a number that is no call.\n"
        "constexpr const char* name_of(Id id) {\n  switch (id) {\n"
        + "".join(f'    case Id::{name}: return "{name}";\n' for _, name in rows)
        + "    default: return nullptr;\n  }\n}\n\n}  // namespace gpool::calls\n"
    )


def _struct(name: str, fields: list[tuple[str, str, int]]) -> str:
    """A struct without holes: the largest fields first, the end filled up to 8 bytes."""
    if not fields:
        return f"struct {name} {{}};\n"
    alignment = {1: 1, 2: 2, 4: 4}
    ordered = sorted(fields, key=lambda f: -alignment.get(f[2], 8))
    total = sum(size for _, _, size in ordered)
    rows = "".join(f"  {kind} {field};\n" for kind, field, _ in ordered)
    if total % 8:
        rows += f"  uint8_t reserved[{8 - total % 8}];\n"
        total += 8 - total % 8
    return f"struct {name} {{\n{rows}}};\nstatic_assert(sizeof({name}) == {total} && alignof({name}) <= 8);\n"


def arguments(layouts: list[Layout]) -> str:
    """arguments.h: X_arguments and X_reply for each call that travels."""
    parts = [
        NOTICE,
        '#pragma once\n\n#include "calls/driver_api.h"\n\n#include <cstdint>\n\n#include "wire/handle.h"\n\n',
        "namespace gpool::calls {\n\n",
    ]
    for layout in layouts:
        fields = [(f.wire, f.name, f.size) for f in layout.inputs if f.how != "array"]
        if layout.created:
            fields.insert(0, ("wire::Handle", "created", 8))
        arrays = [f"{f.name} ({f.target} × {layout.call.arrays[f.name]})" for f in layout.inputs if f.how == "array"]
        if arrays:
            parts.append(f"// Followed by {', '.join(arrays)}.\n")
        parts.append(_struct(f"{layout.call.name}_arguments", fields))
        parts.append(_struct(f"{layout.call.name}_reply", [(f.wire, f.name, f.size) for f in layout.outputs]))
        parts.append("\n")
    return "".join(parts) + "}  // namespace gpool::calls\n"


# -- the client's side ------------------------------------------------------------------------------------------------


def _pack(layout: Layout, field: Field) -> str:
    name, to = field.name, f"arguments.{field.name}"
    if field.how == "handle":
        call = "destroyed" if name == layout.call.destroys else "handle_or_null" if field.nullable else "handle"
        return f"  {to} = call.{call}({name});\n"
    if field.how == "device":
        return f"  {to} = call.device({name});\n"
    if field.how == "bytes":
        return f"  if (call.required({name})) std::memcpy(&{to}, {name}, {field.size});\n"
    if field.how == "struct" and "*" in field.parameter.type:
        return f"  if (call.required({name})) {to} = *{name};\n"
    return f"  {to} = {name};\n"


def _unpack_reply(field: Field) -> str:
    name = field.name
    if field.how == "bytes":
        return f"std::memcpy({name}, &reply.{name}, {field.size});"
    value = f"static_cast<{field.target}>(reply.{name})" if field.how == "enum" else f"reply.{name}"
    return f"*{name} = {value};"


def _stub(layout: Layout) -> str:
    call = layout.call
    for field in layout.inputs:
        if field.how == "array" or field.target in LOCATIONS:
            raise SystemExit(f'calls.toml: {call.name}: {field.name} needs a hand-written client; say client = "hand"')
    lines = [f'extern "C" CUresult {call.name}({layout.function.declarations}) {{\n']
    lines.append(f'  client::Call call(calls::Id::{call.name}, "{call.name}", client::Needs::{call.needs});\n')
    lines.append(f"  calls::{call.name}_arguments arguments{{}};\n")
    lines += [_pack(layout, field) for field in layout.inputs]
    lines += [f"  call.required({f.name});\n" for f in layout.outputs if not f.nullable]
    if layout.created:
        lines.append(f"  arguments.created = call.mint({layout.created.name});\n")
    if layout.outputs or (layout.created and call.reply):
        lines.append(f"  calls::{call.name}_reply reply{{}};\n")
    if layout.created:
        result = layout.created.name
        ending = f"ask_created(arguments, reply, {result})" if call.reply else f"post_created(arguments, {result})"
        lines.append(f"  return call.{ending};\n")
    elif call.kind == "async":
        lines.append("  return call.post(arguments);\n")
    elif not layout.outputs:
        lines.append("  return call.ask(arguments);\n")
    else:
        lines.append("  CUresult result = call.ask(arguments, reply);\n  if (result != CUDA_SUCCESS) return result;\n")
        for field in layout.outputs:
            guard = f"if ({field.name} != nullptr) " if field.nullable else ""
            lines.append(f"  {guard}{_unpack_reply(field)}\n")
        lines.append("  return CUDA_SUCCESS;\n")
    return "".join(lines) + "}\n\n"


def client_stubs(layouts: list[Layout]) -> str:
    """client_stubs.cpp: the calls that need nothing of the client but to be sent."""
    return (
        f'{NOTICE}#include "calls/driver_api.h"\n\n#include <cstring>\n\n#include "calls/generated/arguments.h"\n'
        '#include "calls/generated/ids.h"\n#include "client/call.h"\n\n'
        "namespace calls = gpool::calls;\nnamespace client = gpool::client;\n\n"
        + "".join(_stub(layout) for layout in layouts if not layout.call.by_hand)
    )


# -- the worker's side ------------------------------------------------------------------------------------------------


def _resolve(field: Field, layout: Layout) -> tuple[str, str]:
    """What comes before the driver's call, and the argument."""
    name, at = field.name, f"arguments.{field.name}"
    if field.how == "handle":
        nullable = "_nullable" if field.nullable else ""
        return f"      {field.target} {name} = invoke.resolve{nullable}<{field.target}>({at});\n", name
    if field.how == "device":
        return f"      CUdevice {name} = invoke.device({at});\n", name
    if field.how == "bytes":
        return f"      uint64_t {name} = {at};\n", f"&{name}"
    if field.how == "array":
        count = layout.call.arrays[name]
        lines = f"      auto {name}_sent = invoke.array<{field.target}>(arguments.{count});\n"
        lines += f"      std::vector<{field.target}> {name}({name}_sent.begin(), {name}_sent.end());\n"
        if field.target in LOCATIONS:
            lines += f"      for (auto& one : {name}) find_device(invoke, one{LOCATIONS[field.target]});\n"
        return lines, f"{name}.data()"
    if field.how == "struct":
        lines = f"      {field.target} {name} = {at};\n"
        if field.target in LOCATIONS:
            lines += f"      find_device(invoke, {name}{LOCATIONS[field.target]});\n"
        return lines, f"&{name}" if "*" in field.parameter.type else name
    if field.how == "enum":
        return "", f"static_cast<{field.target}>({at})"
    return "", at


def _case(layout: Layout) -> str:
    call = layout.call
    lines = [f"    case Id::{call.name}: {{\n"]
    if layout.inputs or layout.created:
        lines.append(f"      const auto& arguments = invoke.arguments<{call.name}_arguments>();\n")
    passed: dict[str, str] = {}
    for field in layout.inputs:
        before, passed[field.name] = _resolve(field, layout)
        lines.append(before)
    lines.append("      if (!invoke.valid()) return invoke.refuse();\n")
    if layout.created:
        lines.append(f"      {layout.created.target} created{{}};\n")
        passed[layout.created.name] = "&created"
    for field in layout.outputs:
        kind = "uint64_t" if field.how == "bytes" else field.target
        lines.append(f"      {kind} {field.name}{{}};\n")
        passed[field.name] = f"&{field.name}"
    order = ", ".join(passed[p.name] for p in layout.function.parameters)
    lines.append(f"      CUresult result = invoke.driver().{call.name}({order});\n")
    if layout.created:
        kind = layout.created.target
        lines.append(f"      if (result == CUDA_SUCCESS) result = invoke.bind<{kind}>(arguments.created, created);\n")
    if call.destroys:
        destroyed = layout.field(call.destroys)
        assert destroyed is not None
        lines.append(f"      invoke.unbind<{destroyed.target}>(arguments.{call.destroys});\n")
    if layout.outputs:
        lines.append(f"      {call.name}_reply reply{{}};\n")
        for field in layout.outputs:
            value = f"static_cast<int32_t>({field.name})" if field.how == "enum" else field.name
            lines.append(f"      reply.{field.name} = {value};\n")
        lines.append("      return invoke.reply(result, reply);\n")
    else:
        lines.append("      return invoke.finish(result);\n")
    return "".join(lines) + "    }\n"


def worker_dispatch(layouts: list[Layout]) -> str:
    """worker_dispatch.cpp: one case for each call that travels."""
    return (
        f'{NOTICE}#include "calls/driver_api.h"\n\n#include <vector>\n\n#include "calls/dispatch.h"\n'
        '#include "calls/driver_table.h"\n#include "calls/generated/arguments.h"\n#include "worker/invoke.h"\n\n'
        "namespace gpool::calls {\nnamespace {\n\n"
        "// A location names a device by the session's ordinal; the driver below has its own.\n"
        "[[maybe_unused]] void find_device(worker::Invoke& invoke, CUmemLocation& location) {\n"
        "  if (location.type == CU_MEM_LOCATION_TYPE_DEVICE) location.id = invoke.device(location.id);\n}\n\n"
        "}  // namespace\n\n"
        "bool dispatch(Id id, worker::Invoke& invoke) {\n  switch (id) {\n"
        + "".join(_case(layout) for layout in layouts)
        + "    default:\n      invoke.reject(CUDA_ERROR_NOT_SUPPORTED);\n      return invoke.refuse();\n  }\n}\n\n"
        "}  // namespace gpool::calls\n"
    )
