"""How a C parameter travels: as which field of the packed structs, and how either side reads it."""

from __future__ import annotations

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from pycparser import c_ast  # type: ignore[import-untyped]

from generator.description import Call
from generator.header import Function, Header, Parameter

HANDLES = frozenset(
    (
        *(
            "CUcontext",
            "CUstream",
            "CUevent",
            "CUmodule",
            "CUlibrary",
            "CUfunction",
            "CUkernel",
            "CUgraph",
            "CUgraphExec",
        ),
        *("CUgraphNode", "CUmemoryPool", "CUarray", "CUmipmappedArray", "CUlinkState", "CUgreenCtx"),
    )
)
# C type → the fixed-width type of its field, and its size in bytes.
_NUMBERS = {
    "int": ("int32_t", 4),
    "unsigned int": ("uint32_t", 4),
    "unsigned": ("uint32_t", 4),
    "unsigned short": ("uint16_t", 2),
    "unsigned char": ("uint8_t", 1),
    "unsigned long long": ("uint64_t", 8),
    "size_t": ("uint64_t", 8),
    "float": ("float", 4),
    "cuuint32_t": ("uint32_t", 4),
    "cuuint64_t": ("uint64_t", 8),
    "CUdeviceptr": ("uint64_t", 8),
}
# Structs that name a device by its ordinal, and where: the worker's driver has other ordinals than the session.
LOCATIONS = {"CUmemLocation": "", "CUmemAccessDesc": ".location", "CUmemPoolProps": ".location"}


@dataclass(frozen=True)
class Field:
    """A parameter on its way. `how` is handle, device, number, enum, struct, bytes or array."""

    parameter: Parameter
    how: str
    target: str  # the C type behind the pointer, or the parameter's own type
    wire: str
    size: int
    nullable: bool

    @property
    def name(self) -> str:
        """Name of the parameter and of the field."""
        return self.parameter.name


@dataclass(frozen=True)
class Layout:
    """One call that travels: its fields in the order of the parameters."""

    function: Function
    call: Call
    inputs: tuple[Field, ...]
    outputs: tuple[Field, ...]
    created: Field | None

    def field(self, name: str) -> Field | None:
        """The field that carries this parameter, in whichever direction."""
        return next((f for f in (*self.inputs, *self.outputs, self.created) if f and f.name == name), None)


def _is_enum(header: Header, name: str) -> bool:
    node = header.types.get(name)
    while isinstance(node, c_ast.TypeDecl):
        node = node.type
    if isinstance(node, c_ast.IdentifierType):
        return _is_enum(header, node.names[0])
    return isinstance(node, c_ast.Enum)


def struct_sizes(names: set[str], include: Path) -> dict[str, int]:
    """Sizes in bytes of C types of cuda.h, as the compiler lays them out."""
    rows = "".join(f'  printf("{name} %zu\\n", sizeof({name}));\n' for name in sorted(names))
    headers = "#define __CUDA_API_VERSION_INTERNAL\n#include <cuda.h>\n#include <stdio.h>\n"
    source = f"{headers}int main(void) {{\n{rows}  return 0;\n}}\n"
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "sizes")
        compile_it = ["gcc", "-I", str(include), "-x", "c", "-", "-o", str(program)]
        subprocess.run(compile_it, input=source, text=True, check=True)
        done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    return {name: int(size) for name, size in (line.split() for line in done.stdout.splitlines())}


def _field(header: Header, call: Call, parameter: Parameter, target: str, sizes: dict[str, int]) -> Field:
    nullable = parameter.name in call.nullable
    if parameter.name in call.sizes:
        return Field(parameter, "bytes", "uint64_t", "uint64_t", call.sizes[parameter.name], nullable)
    if parameter.name in call.arrays:
        return Field(parameter, "array", target, "", 0, nullable)
    if target in HANDLES:
        return Field(parameter, "handle", target, "wire::Handle", 8, nullable)
    if target == "CUdevice":
        return Field(parameter, "device", target, "int32_t", 4, nullable)
    if target in _NUMBERS:
        return Field(parameter, "number", target, *_NUMBERS[target], nullable)
    if _is_enum(header, target):
        return Field(parameter, "enum", target, "int32_t", 4, nullable)
    if target in sizes:
        return Field(parameter, "struct", target, target, sizes[target], nullable)
    raise SystemExit(f"calls.toml: {call.name}: {parameter.declaration!r} cannot travel by itself; make it manual")


def _pointee(parameter: Parameter) -> str:
    return parameter.type.replace("const ", "").rstrip("* ").strip() if "*" in parameter.type else ""


def _layout(header: Header, call: Call, sizes: dict[str, int]) -> Layout:
    function = header.functions[call.name]
    inputs: list[Field] = []
    outputs: list[Field] = []
    created: Field | None = None
    for parameter in function.parameters:
        pointee = _pointee(parameter)
        field = _field(header, call, parameter, pointee or parameter.type, sizes)
        given = not pointee or parameter.type.startswith("const") or parameter.name in (*call.inputs, *call.arrays)
        if given or (parameter.name in call.sizes and parameter.name not in call.outputs):
            inputs.append(field)
        elif call.kind == "create" and created is None and field.how == "handle":
            created = field
        else:
            outputs.append(field)
    if (call.kind == "create") != (created is not None):
        raise SystemExit(f"calls.toml: {call.name} is {call.kind}, but its parameters say otherwise")
    if outputs and call.kind == "async":
        raise SystemExit(f"calls.toml: {call.name} is async, but {outputs[0].name} is an output; make it sync")
    return Layout(function, call, tuple(inputs), tuple(outputs), created)


def layouts(header: Header, calls: list[Call], include: Path) -> list[Layout]:
    """The layouts of all calls that travel. Raises SystemExit where calls.toml does not say enough."""
    structs = {_pointee(p) for c in calls for p in header.functions[c.name].parameters}
    structs |= {p.type for c in calls for p in header.functions[c.name].parameters if "*" not in p.type}
    plain = HANDLES | _NUMBERS.keys() | {"CUdevice"}
    sizes = struct_sizes({s for s in structs - plain if s in header.types and not _is_enum(header, s)}, include)
    return [_layout(header, call, sizes) for call in calls]
