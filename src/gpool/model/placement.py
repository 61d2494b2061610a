"""Where a request may be placed: what its holder may say about nodes, GPUs and other leases.

Selectors, tolerations and affinities can be written as objects or as short texts; both are kept as objects.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from gpool.model.base import Model
from gpool.model.node import LabelKey, Labels, LabelValue, Taint

__all__ = ["Affinity", "Placement", "Reach", "Scope", "Selector", "Toleration"]

Scope = Literal["gpu", "node", "pool", "spread"]
Reach = Literal["anywhere", "local-first", "local", "remote"]

_MOST = 32
"""Selectors, tolerations or affinities of one request."""

_KEY = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,124}[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?"
_SELECTOR = rf"^(?:!{_KEY}|{_KEY}(?:!?={_VALUE}| (?:not )?in \({_VALUE}(?:, ?{_VALUE})*\))?)$"
_TOLERATION = rf"^(?:\*|{_KEY}(?:={_VALUE})?)$"
_AFFINITY = rf"^(?:same-node|other-node|other-gpu) {_KEY}={_VALUE}(?:,{_KEY}={_VALUE})*$"


class Selector(Model):
    """What a node's label must be.

    As text: `zone=a`, `zone!=a`, `zone in (a, b)`, `zone not in (a, b)`, `zone` (it has one), `!zone` (it has none).
    """

    key: LabelKey
    operator: Literal["in", "not-in", "exists", "absent"] = "exists"
    values: Annotated[tuple[LabelValue, ...], Field(max_length=_MOST)] = ()
    """For `in` and `not-in`. A node without the label is not in anything."""

    def allows(self, labels: dict[str, str]) -> bool:
        """Whether a node with these labels will do."""
        match self.operator:
            case "in":
                return labels.get(self.key) in self.values
            case "not-in":
                return labels.get(self.key) not in self.values
            case "exists":
                return self.key in labels
            case _:
                return self.key not in labels

    def __str__(self) -> str:
        match self.operator:
            case "exists":
                return self.key
            case "absent":
                return f"!{self.key}"
        if len(self.values) == 1:
            return f"{self.key}{'=' if self.operator == 'in' else '!='}{self.values[0]}"
        return f"{self.key} {'in' if self.operator == 'in' else 'not in'} ({', '.join(self.values)})"


class Toleration(Model):
    """Taints that do not matter to the request.

    As text: `KEY=VALUE`, `KEY` for any value of it, `*` for all taints.
    """

    key: LabelKey | None = None
    """Null: every taint."""
    value: LabelValue | None = None
    """Null: whatever the taint's value is."""

    def covers(self, taint: Taint) -> bool:
        """Whether it is about that taint."""
        return (self.key is None or self.key == taint.key) and (self.value is None or self.value == taint.value)

    def __str__(self) -> str:
        return (self.key or "*") + ("" if self.value is None else f"={self.value}")


class Affinity(Model):
    """Near to other leases, or away from them.

    As text: `same-node app=db`, `other-node app=web,tier=1`, `other-gpu app=web`.
    """

    relation: Literal["same-node", "other-node", "other-gpu"]
    labels: Annotated[Labels, Field(min_length=1)]
    """The leases that carry all of these, whoever holds them."""

    def __str__(self) -> str:
        return f"{self.relation} {','.join(f'{key}={value}' for key, value in self.labels.items())}"


def _refuse(text: str, kind: str, forms: str) -> PydanticCustomError:
    shown = text if len(text) <= 60 else f"{text[:57]}..."
    return PydanticCustomError(kind, "{sentence}", {"sentence": f"'{shown}' is no {kind}; write {forms}"})


def _read_selector(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    text = given.strip()
    if not re.fullmatch(_SELECTOR, text):
        raise _refuse(text, "selector", "zone=a, zone!=a, zone in (a, b), zone not in (a, b), zone, or !zone")
    if text.startswith("!"):
        return {"key": text[1:], "operator": "absent"}
    key, space, rest = text.partition(" ")
    if space:
        values = rest[rest.index("(") + 1 : -1].replace(" ", "").split(",")
        return {"key": key, "operator": "not-in" if rest.startswith("not") else "in", "values": values}
    key, equals, value = text.partition("=")
    if not equals:
        return {"key": key}
    return {"key": key.removesuffix("!"), "operator": "not-in" if key.endswith("!") else "in", "values": [value]}


def _read_toleration(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    text = given.strip()
    if not re.fullmatch(_TOLERATION, text):
        raise _refuse(text, "toleration", "KEY=VALUE, KEY for any value of it, or * for all taints")
    key, equals, value = text.partition("=")
    return {"key": None if key == "*" else key, "value": value if equals else None}


def _read_affinity(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    text = given.strip()
    if not re.fullmatch(_AFFINITY, text):
        raise _refuse(text, "affinity", "same-node KEY=VALUE, other-node KEY=VALUE, or other-gpu KEY=VALUE")
    relation, _, pairs = text.partition(" ")
    return {"relation": relation, "labels": dict(pair.split("=", 1) for pair in pairs.split(","))}


_SelectorText = Annotated[str, StringConstraints(pattern=_SELECTOR)]
_TolerationText = Annotated[str, StringConstraints(pattern=_TOLERATION)]
_AffinityText = Annotated[str, StringConstraints(pattern=_AFFINITY)]

AnySelector = Annotated[Selector, BeforeValidator(_read_selector, json_schema_input_type=Selector | _SelectorText)]
AnyToleration = Annotated[
    Toleration, BeforeValidator(_read_toleration, json_schema_input_type=Toleration | _TolerationText)
]
AnyAffinity = Annotated[Affinity, BeforeValidator(_read_affinity, json_schema_input_type=Affinity | _AffinityText)]

GpuModel = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00|,]*[A-Za-z0-9][^\x00|,]*$")]
"""Words of a GPU's name, such as `A100` or `A100 80GB`; see `gpool.scheduler.gpu_models`."""


class Placement(Model):
    """Where the vGPUs of a request may be. By default: anywhere."""

    scope: Scope = "pool"
    """`gpu`: one GPU of one node, so one vGPU. `node`: all on one node. `pool`: on as few nodes as can be.
    `spread`: each on a node of its own."""
    reach: Reach = "anywhere"
    """Seen from the host on which the program runs (`host_id` of the request). `local`: only GPUs of that machine.
    `local-first`: these if they are free, else others. `remote`: only others."""
    gpu_models: Annotated[tuple[GpuModel, ...], Field(max_length=_MOST)] = ()
    """Models of which any will do; empty for all."""
    nodes: Annotated[tuple[AnySelector, ...], Field(max_length=_MOST)] = ()
    """What the labels of its nodes must be, all of it."""
    tolerations: Annotated[tuple[AnyToleration, ...], Field(max_length=_MOST)] = ()
    """Taints that do not keep it away."""
    affinity: Annotated[tuple[AnyAffinity, ...], Field(max_length=_MOST)] = ()
    """Near to other leases, or away from them, all of it."""
