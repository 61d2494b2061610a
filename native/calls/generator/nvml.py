"""native/nvml/generated/defaults.cpp: a weak answer for every name of nvml.h."""

from __future__ import annotations

import re
from pathlib import Path

from pycparser import c_ast, c_parser  # type: ignore[import-untyped]

from generator import header
from generator.exports import NOTICE


def read(include: Path) -> list[header.Function]:
    """The functions that nvml.h declares, old versions included. Raises SystemExit when the header is not there."""
    if not (include / "nvml.h").is_file():
        raise SystemExit(f"{include} has no nvml.h; install nvidia-nvml-dev or give --include")
    text = header.preprocess("#define NVML_NO_UNVERSIONED_FUNC_DEFS\n#include <nvml.h>\n", include)
    found = []
    for node in c_parser.CParser().parse(text).ext:
        if isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl) and node.name != "nvmlErrorString":
            base = re.sub(r"_v\d+$", "", node.name)
            found.append(header.Function(node.name, base, 1, "", header.parameters(node)))
    return sorted(found, key=lambda function: function.name)


def defaults(functions: list[header.Function]) -> str:
    """defaults.cpp. nvmlErrorString is not among them: it answers a string, and is always written."""
    rows = []
    for function in functions:
        types = ", ".join(p.unnamed for p in function.parameters)
        rows.append(f'extern "C" GPOOL_DEFAULT nvmlReturn_t {function.name}({types}) {{ return not_supported(); }}\n')
    return (
        f'{NOTICE}#include "nvml/nvml_api.h"\n#include "nvml/view.h"\n\n'
        "// Weak: the library implements a function by defining it.\n"
        "#define GPOOL_DEFAULT __attribute__((weak))\n\nusing gpool::nvml::not_supported;\n\n" + "".join(rows)
    )
