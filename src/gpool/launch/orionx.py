"""The variables of OrionX, for programs and job descriptions that set them; docs/guides/coming-from-orionx.md.

Values that we know the meaning of are mapped; any other is refused with a sentence, never ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gpool.errors import InvalidInput

__all__ = ["ORIONX", "orionx_wishes"]

_MIB = 1 << 20


def orionx_wishes(environment: Mapping[str, str]) -> dict[str, Any]:
    """What the variables say, by the names of `gpool.launch.asking`. Raises `InvalidInput`."""
    wishes: dict[str, Any] = {}
    for variable, read in ORIONX.items():
        given = environment.get(variable, "").strip()
        if given:
            wishes |= read(variable, given)
    return wishes


def _number(variable: str, given: str, least: int, most: int, unit: str) -> int:
    if not (given.isascii() and given.isdigit() and least <= int(given) <= most):
        raise InvalidInput(f"{variable}: '{given}' is no whole number of {unit} from {least} to {most}")
    return int(given)


def _vgpu(variable: str, given: str) -> dict[str, Any]:
    return {"gpus": _number(variable, given, 1, 1024, "vGPUs")}


def _gmem(variable: str, given: str) -> dict[str, Any]:
    return {"memory": _number(variable, given, 1, 1 << 30, "MiB") * _MIB}


def _ratio(variable: str, given: str) -> dict[str, Any]:
    return {"compute": _number(variable, given, 1, 100, "percent") * 10}


def _reserved(variable: str, given: str) -> dict[str, Any]:
    return {"exclusive": _one_of(variable, given, {"0": False, "1": True})}


def _cross_node(variable: str, given: str) -> dict[str, Any]:
    # The later meaning: whether a vGPU may be remote. What 2.2 meant (one node or several) follows from 0, too. That
    # it may says nothing about which are taken first.
    return _one_of(variable, given, {"0": {"reach": "local"}, "1": {}})  # type: ignore[no-any-return]


def _schedule_rule(variable: str, given: str) -> dict[str, Any]:
    return {"reach": _one_of(variable, given, {"local-first": "local-first"})}


def _res_group(variable: str, given: str) -> dict[str, Any]:
    # BOX: all processes share one allocation. That is what a lease is anyway.
    _one_of(variable, given, {"BOX": True, "NULL": True})
    return {}


def _one_of(variable: str, given: str, known: Mapping[str, Any]) -> Any:
    if given not in known:
        raise InvalidInput(f"{variable}: '{given}' is not known to gpool, only {', '.join(known)}; unset it")
    return known[given]


ORIONX: dict[str, Callable[[str, str], dict[str, Any]]] = {
    "ORION_VGPU": _vgpu,
    "ORION_GMEM": _gmem,
    "ORION_RATIO": _ratio,
    "ORION_RESERVED": _reserved,
    "ORION_SCHEDULE_RULE": _schedule_rule,
    "ORION_CROSS_NODE": _cross_node,
    "ORION_RES_GROUP": _res_group,
}
"""In this order: `ORION_CROSS_NODE=0` forbids what `ORION_SCHEDULE_RULE=local-first` would allow."""
