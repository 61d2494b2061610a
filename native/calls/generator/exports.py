"""What every driver of ours has in common: all names, what they answer by default, and how they are found."""

from __future__ import annotations

import re

from pycparser import c_ast  # type: ignore[import-untyped]

from generator.description import Description
from generator.header import Function, Header

NOTICE = "// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.\n"
OLDEST_CUDA = 13000
"""The oldest cuda.h that the native tree builds with."""
_STREAM_MEMBER = {"const CUlaunchConfig *": "hStream", "CUDA_GRAPH_INSTANTIATE_PARAMS *": "hUploadStream"}


def names(header: Header) -> str:
    """names.h: X(name, (parameters), (arguments)) for every exported name."""
    rows = [f"  X({f.name}, ({f.declarations}), ({f.arguments}))" for f in header.functions.values()]
    return (
        f"{NOTICE}#pragma once\n\n"
        f"#define GPOOL_CUDA_HEADER_VERSION {header.cuda_version}\n\n"
        "// X(name, (parameters), (arguments)): every exported name, with every suffix. All return CUresult.\n"
        "#define GPOOL_CUDA_NAMES(X) \\\n" + " \\\n".join(rows) + "\n"
    )


def _age(header: Header) -> dict[str, int]:
    """Exported name -> the CUDA release that first had it."""
    return {version.name: version.version for version in header.versions}


def _stand_in(header: Header, name: str) -> str:
    """A declaration that lets the functions that use the type be declared; nothing looks into it."""
    node = header.types[name]
    while isinstance(node, c_ast.TypeDecl):
        node = node.type
    if isinstance(node, c_ast.IdentifierType) and node.names[0] in header.types:
        return _stand_in(header, node.names[0]).replace(node.names[0], name)
    if isinstance(node, c_ast.Enum):
        return f"enum {name} : int {{}};"
    if isinstance(node, c_ast.Struct | c_ast.Union):
        return f"struct {name};"
    if isinstance(node, c_ast.PtrDecl):
        return f"typedef void *{name};"
    return f"typedef {' '.join(node.names)} {name};"


def newer(header: Header) -> str:
    """newer.h: declarations of what cuda.h has got since the oldest release that the native tree builds with."""
    age = _age(header)
    since = {f.name: max(age[f.name], age[f.plain]) for f in header.functions.values()}
    types: dict[str, int] = {}
    for function in header.functions.values():
        for parameter in function.parameters:
            for word in re.findall(r"\bC[Uu]\w+", parameter.type):
                if word in header.types:
                    types[word] = min(since[function.name], types.get(word, since[function.name]))
    rows = [(version, _stand_in(header, name)) for name, version in sorted(types.items())]
    rows += [
        (since[f.name], f'extern "C" __attribute__((visibility("default"))) CUresult {f.name}({f.declarations});')
        for f in header.functions.values()
    ]
    lines = []
    for version in sorted({version for version, _ in rows if version > OLDEST_CUDA}):
        declarations = "\n".join(text for of, text in rows if of == version)
        lines.append(f"#if CUDA_VERSION < {version}\n{declarations}\n#endif\n")
    return (
        f"{NOTICE}#pragma once\n\n#define GPOOL_OLDEST_CUDA {OLDEST_CUDA}\n\n"
        "// Names and types that an older cuda.h lacks: what the tree exports does not depend on the header's age.\n"
        + "".join(lines)
    )


def _unused(function: Function) -> str:
    """The parameter list with the names taken out, so that no compiler complains about unused ones."""
    return ", ".join(p.unnamed for p in function.parameters)


def _head(function: Function, named: bool = True) -> str:
    parameters = function.declarations if named else _unused(function)
    return f'extern "C" GPOOL_DEFAULT CUresult {function.name}({parameters})'


_WEAK = (
    '#include "calls/driver_api.h"\n#include "calls/not_supported.h"\n\n'
    "// Weak: a driver implements a function by defining it.\n"
    "#define GPOOL_DEFAULT __attribute__((weak))\n\n"
)


def defaults(header: Header, description: Description) -> str:
    """defaults.cpp: a weak definition of every name that is not a per-thread variant."""
    lines = [NOTICE, _WEAK]
    for function in header.functions.values():
        if function.thread:
            continue
        if function.name not in description.old:
            body = f'return gpool::calls::not_supported("{function.name}");'
            lines.append(f"{_head(function, named=False)} {{ {body} }}\n")
            continue
        forward = description.old[function.name]
        for parameter in function.parameters:
            if not re.search(rf"\b{parameter.name}\b", forward):
                forward = f"static_cast<void>({parameter.name}), {forward}"
        lines.append(f"{_head(function)} {{ return {forward}; }}\n")
    return "".join(lines)


def _on_thread_stream(function: Function) -> str:
    """The body of a _ptsz name: the plain call, with stream 0 read as the per-thread stream."""
    arguments, before, after = [], "", ""
    for parameter in function.parameters:
        if parameter.type == "CUstream":
            arguments.append(f"of_thread({parameter.name})")
        elif parameter.type in _STREAM_MEMBER:
            name, member = parameter.name, _STREAM_MEMBER[parameter.type]
            before += f"  if ({name} == nullptr) return CUDA_ERROR_INVALID_VALUE;\n  auto changed = *{name};\n"
            before += f"  changed.{member} = of_thread(changed.{member});\n"
            arguments.append("&changed")
            if not parameter.type.startswith("const"):
                after += f"  changed.{member} = {name}->{member};\n  *{name} = changed;\n"
        else:
            arguments.append(parameter.name)
    call = f"{function.plain}({', '.join(arguments)})"
    if after:
        return f"{before}  CUresult result = {call};\n{after}  return result;\n"
    return f"{before}  return {call};\n"


def _synchronous(function: Function, description: Description) -> str:
    """The body of a _ptds name."""
    twin = description.per_thread.get(function.plain)
    if twin is None:
        return f"  return {function.plain}({function.arguments});\n"
    call = f"{twin.call}({function.arguments}, CU_STREAM_PER_THREAD)"
    if not twin.wait:
        return f"  return {call};\n"
    wait = "cuStreamSynchronize(CU_STREAM_PER_THREAD)"
    return f"  CUresult result = {call};\n  return result == CUDA_SUCCESS ? {wait} : result;\n"


def default_streams(header: Header, description: Description) -> str:
    """default_streams.cpp: every _ptsz and _ptds name, in terms of the plain one."""
    lines = [
        NOTICE,
        _WEAK,
        "namespace {\n",
        "CUstream of_thread(CUstream stream) { return stream == nullptr ? CU_STREAM_PER_THREAD : stream; }\n",
        "}  // namespace\n\n",
    ]
    for function in header.functions.values():
        if function.thread:
            body = _on_thread_stream(function) if function.thread == "ptsz" else _synchronous(function, description)
            lines.append(f"{_head(function)} {{\n{body}}}\n")
    return "".join(lines)


def versions(header: Header) -> str:
    """versions.cpp: the rows that calls::resolve searches, sorted by base name, flavour and version."""
    ordered = sorted(header.versions, key=lambda v: (v.base, v.per_thread, v.version))
    rows = [
        f'    {{"{v.base}", {v.version}, {"true" if v.per_thread else "false"}, reinterpret_cast<void*>(&{v.name})}},\n'
        for v in ordered
    ]
    return (
        f'{NOTICE}#include "calls/driver_api.h"\n#include "calls/resolver.h"\n\n'
        "namespace gpool::calls {\nnamespace {\n"
        f"const VersionRow kRows[] = {{\n{''.join(rows)}}};\n}}  // namespace\n\n"
        "std::span<const VersionRow> version_rows() { return kRows; }\n\n}  // namespace gpool::calls\n"
    )
