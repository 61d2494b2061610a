"""calls.toml, checked against the header: what people have decided about every function."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from generator.header import Header

CLASSES = ("local", "cached", "async", "create", "sync", "manual", "later")
QUEUED = ("async", "create", "sync")


@dataclass(frozen=True)
class Call:
    """One classified function. The fields are explained at the head of calls.toml."""

    name: str
    group: str
    kind: str
    by_hand: bool
    needs: str
    destroys: str
    reply: bool
    outputs: tuple[str, ...]
    inputs: tuple[str, ...]
    nullable: tuple[str, ...]
    arrays: dict[str, str]
    sizes: dict[str, int]

    @property
    def on_wire(self) -> bool:
        """Whether the call has a number, structs and a case in the worker's dispatch."""
        return self.kind in QUEUED


@dataclass(frozen=True)
class PerThread:
    """How a synchronous call is made on the per-thread default stream: `call`, then perhaps a wait."""

    call: str
    wait: bool


@dataclass(frozen=True)
class Description:
    """All of calls.toml."""

    calls: dict[str, Call]
    old: dict[str, str]
    per_thread: dict[str, PerThread]


_KEYS = {"class", "client", "needs", "destroys", "reply", "out", "in", "nullable", "arrays", "bytes"}


def _names(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise SystemExit(f"calls.toml: {value!r} should be a list of parameter names")
    return tuple(str(name) for name in value)


def _call(name: str, group: str, entry: dict[str, object], header: Header) -> Call:
    unknown = entry.keys() - _KEYS
    if unknown:
        raise SystemExit(f"calls.toml: {name} has the unknown key {sorted(unknown)[0]}")
    if name not in header.functions:
        raise SystemExit(f"calls.toml: {name} is not a function of cuda.h")
    if entry.get("class") not in CLASSES:
        raise SystemExit(f"calls.toml: {name} has the class {entry.get('class')!r}; it can be {', '.join(CLASSES)}")
    if entry.get("client", "hand") != "hand":
        raise SystemExit(f'calls.toml: {name}: client can only be "hand"')
    needs = str(entry.get("needs", "context"))
    if needs not in ("context", "initialised"):
        raise SystemExit(f'calls.toml: {name}: needs can be "context" (the default) or "initialised"')
    arrays = entry.get("arrays", {})
    sizes = entry.get("bytes", {})
    destroys = str(entry.get("destroys", ""))
    outputs, inputs, nullable = (_names(entry.get(key, [])) for key in ("out", "in", "nullable"))
    assert isinstance(arrays, dict)
    assert isinstance(sizes, dict)
    known = {p.name for p in header.functions[name].parameters}
    named = {*outputs, *inputs, *nullable, *arrays, *arrays.values(), *sizes} | ({destroys} if destroys else set())
    if named - known:
        raise SystemExit(f"calls.toml: {name} has no parameter {min(named - known)}; it has {', '.join(sorted(known))}")
    return Call(
        name=name,
        group=group,
        kind=str(entry["class"]),
        by_hand="client" in entry,
        needs=needs,
        destroys=destroys,
        reply=bool(entry.get("reply", False)),
        outputs=outputs,
        inputs=inputs,
        nullable=nullable,
        arrays=arrays,
        sizes=sizes,
    )


def read(path: Path, header: Header) -> Description:
    """Reads calls.toml. Raises SystemExit with a sentence when it contradicts itself or the header."""
    raw = tomllib.loads(path.read_text())
    calls: dict[str, Call] = {}
    for group, entries in raw["calls"].items():
        for name, entry in entries.items():
            if name in calls:
                raise SystemExit(f"calls.toml: {name} is classified twice")
            calls[name] = _call(name, group, entry, header)
    unclassified = [b for b in header.bases() if header.newest(b).name not in calls]
    if unclassified:
        raise SystemExit(
            f"calls.toml: {header.newest(unclassified[0]).name} has no class (and {len(unclassified) - 1} more)"
        )
    for name in [*raw["old"], *raw["per_thread"]]:
        if name not in header.functions:
            raise SystemExit(f"calls.toml: {name} is not a function of cuda.h")
    per_thread = {name: PerThread(entry["call"], entry["wait"]) for name, entry in raw["per_thread"].items()}
    return Description(calls, dict(raw["old"]), per_thread)
