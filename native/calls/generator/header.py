"""What cuda.h and cudaTypedefs.h declare: functions, types and their sizes, versions of names.

The headers are read by the C preprocessor and pycparser; nothing of their text but declarations survives.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from pycparser import c_ast, c_generator, c_parser  # type: ignore[import-untyped]

# The two standard headers that cuda.h includes, reduced to what it needs: glibc's extensions need not be parsed.
_STANDARD_TYPES = """
typedef unsigned long size_t; typedef unsigned long uintptr_t;
typedef unsigned char uint8_t; typedef unsigned short uint16_t; typedef unsigned int uint32_t;
typedef unsigned long uint64_t; typedef signed char int8_t; typedef short int16_t; typedef int int32_t;
typedef long int64_t;
"""
# cudaProfiler.h is missing in the header packages.
_PROFILER = """
CUresult cuProfilerInitialize(const char *configFile, const char *outputFile, int outputMode);
CUresult cuProfilerStart(void);
CUresult cuProfilerStop(void);
"""
_PROFILER_VERSION = 4000

_SUFFIX = re.compile(r"^(?P<base>cu\w+?)(?:_v(?P<abi>\d+))?(?:_(?P<thread>ptsz|ptds))?$")
_TYPEDEF = re.compile(r"\*\s*PFN_(?P<base>cu\w+?)_v(?P<version>\d+)(?:_(?P<thread>ptsz|ptds))?\)")


@dataclass(frozen=True)
class Parameter:
    """One parameter: its name, its C type as written, and the type with every typedef of a pointer kept."""

    name: str
    declaration: str
    type: str

    @property
    def unnamed(self) -> str:
        """The declaration without the name, as in a function type."""
        return re.sub(rf"\b{re.escape(self.name)}\b(?=\s*(\[|$|\)))", "", self.declaration).strip()


@dataclass(frozen=True)
class Function:
    """One exported name. `abi` is the number of its _v suffix (1 without), `thread` is "", "ptsz" or "ptds"."""

    name: str
    base: str
    abi: int
    thread: str
    parameters: tuple[Parameter, ...]

    @property
    def plain(self) -> str:
        """The same function with the legacy default stream."""
        return self.name.removesuffix("_" + self.thread) if self.thread else self.name

    @property
    def declarations(self) -> str:
        """The parameter list as C++ wants it, without parentheses."""
        return ", ".join(p.declaration for p in self.parameters)

    @property
    def arguments(self) -> str:
        """The parameters' names, separated by commas."""
        return ", ".join(p.name for p in self.parameters)


@dataclass(frozen=True)
class Version:
    """`base` asked for with at least `version` means the function `name`; `per_thread` ones only with that flag."""

    base: str
    version: int
    per_thread: bool
    name: str


@dataclass
class Header:
    """All that the generator knows of the headers."""

    cuda_version: int
    functions: dict[str, Function]
    versions: list[Version]
    types: dict[str, c_ast.Node] = field(repr=False)

    def bases(self) -> list[str]:
        """Base names, sorted."""
        return sorted({f.base for f in self.functions.values()})

    def newest(self, base: str) -> Function:
        """The newest ABI of a base name, with the legacy default stream."""
        return max((f for f in self.functions.values() if f.base == base and not f.thread), key=lambda f: f.abi)


def preprocess(source: str, include: Path) -> str:
    """The source with its headers expanded. Raises SystemExit when the compiler refuses."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "stdlib.h").write_text(_STANDARD_TYPES)
        Path(folder, "stdint.h").write_text("")
        search = ["-nostdinc", "-I", folder, "-I", str(include)]
        command = ["gcc", "-E", "-P", *search, "-D__attribute__(x)=", "-x", "c", "-"]
        done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"gcc could not read the headers in {include}:\n{done.stderr}")
    return done.stdout


def _type_text(node: c_ast.Node) -> str:
    return str(c_generator.CGenerator().visit(node))


def _parameter(declaration: c_ast.Decl) -> Parameter:
    text = _type_text(declaration)
    bare = c_ast.Typename(None, declaration.quals, None, declaration.type)
    # A declaration carries its name inside the type; the bare type is the same text without it.
    type_text = re.sub(rf"\b{re.escape(declaration.name)}\b(?=\s*(\[|$|\)))", "", _type_text(bare)).strip()
    return Parameter(declaration.name, text, type_text)


def parameters(declaration: c_ast.Decl) -> tuple[Parameter, ...]:
    """The parameters of a function's declaration."""
    listed = declaration.type.args.params if declaration.type.args else []
    return tuple(_parameter(p) for p in listed if isinstance(p, c_ast.Decl))


def _function(declaration: c_ast.Decl) -> Function:
    match = _SUFFIX.match(declaration.name)
    assert match is not None, declaration.name
    abi, thread = int(match["abi"] or 1), match["thread"] or ""
    return Function(declaration.name, match["base"], abi, thread, parameters(declaration))


def _versions(typedefs: str, functions: dict[str, Function]) -> list[Version]:
    """Joins the versions of cudaTypedefs.h with the exported names: both are in the order of their age."""
    asked: dict[tuple[str, bool], set[int]] = {}
    for match in _TYPEDEF.finditer(typedefs):
        asked.setdefault((match["base"], match["thread"] is not None), set()).add(int(match["version"]))
    exported: dict[tuple[str, bool], list[Function]] = {}
    for function in functions.values():
        exported.setdefault((function.base, bool(function.thread)), []).append(function)
    for base in ("cuProfilerInitialize", "cuProfilerStart", "cuProfilerStop"):
        asked[base, False] = {_PROFILER_VERSION}
    if asked.keys() != exported.keys():
        raise SystemExit(f"cuda.h and cudaTypedefs.h disagree about {sorted(asked.keys() ^ exported.keys())}")
    found = []
    for (base, per_thread), numbers in sorted(asked.items()):
        candidates = sorted(exported[base, per_thread], key=lambda f: f.abi)
        if len(candidates) != len(numbers):
            raise SystemExit(f"{base}: {len(numbers)} versions, but {len(candidates)} exported names")
        found += [Version(base, v, per_thread, f.name) for v, f in zip(sorted(numbers), candidates, strict=True)]
    return found


def cuda_version(include: Path) -> int:
    """CUDA_VERSION of the cuda.h in this folder, for example 13050."""
    found = re.search(r"#define CUDA_VERSION (\d+)", (include / "cuda.h").read_text())
    if found is None:
        raise SystemExit(f"{include}/cuda.h does not define CUDA_VERSION; is it NVIDIA's?")
    return int(found[1])


def read(include: Path) -> Header:
    """Reads the headers in `include`. Raises SystemExit with a sentence when they cannot be understood."""
    for name in ("cuda.h", "cudaTypedefs.h"):
        if not (include / name).is_file():
            raise SystemExit(f"{include} has no {name}; install nvidia-cuda-runtime or give --include")
    text = preprocess("#define __CUDA_API_VERSION_INTERNAL\n#include <cuda.h>\n", include)
    tree = c_parser.CParser().parse(text + _PROFILER)
    functions: dict[str, Function] = {}
    types: dict[str, c_ast.Node] = {}
    for node in tree.ext:
        if isinstance(node, c_ast.Typedef):
            types[node.name] = node.type
        elif isinstance(node, c_ast.Decl) and isinstance(node.type, c_ast.FuncDecl):
            functions[node.name] = _function(node)
    # cudaTypedefs.h is only searched, never parsed: it names versions by macro and by typedef; the latter count.
    typedefs = (include / "cudaTypedefs.h").read_text()
    return Header(cuda_version(include), dict(sorted(functions.items())), _versions(typedefs, functions), types)
