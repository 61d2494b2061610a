"""What a request may say, and the ways to say it: flags, environment variables, a file, arguments in Python.

One table for all of them. What is said in several ways: flags and arguments come before `GPOOL_…`, these before
`ORION_…` (`gpool.launch.orionx`), these before the file, and the file before the controller's defaults, each by itself.

On the path of `gpool run`: no pydantic. The controller checks what this leaves open.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from gpool.errors import GpoolError, InvalidInput
from gpool.hardware.host import boot_id
from gpool.launch.durations import parse_duration_s
from gpool.launch.orionx import orionx_wishes
from gpool.model.sizes import parse_compute_permille, parse_memory_bytes

__all__ = ["FILE_VARIABLE", "WAYS", "Way", "Wish", "resolve"]

FILE_VARIABLE = "GPOOL_REQUEST_FILE"
MOST_GPUS = 1024  # one lease never holds more; the API says the same, and later

_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off")


class Wish(NamedTuple):
    """What the user asks for."""

    request: dict[str, Any]
    """Fields of the body of `POST /api/v1/leases`; what nobody said is not there."""
    on_use: bool = False
    """Whether the lease is asked for when the program first uses a GPU."""
    warn_signal: str | None = None
    """What the command gets when the lease is about to be taken away: `TERM`, …, `none`; None when nobody said."""

    @property
    def transport(self) -> str:
        """`auto`, `shm` or `tcp`."""
        return str(self.request.get("transport", "auto"))

    @property
    def timeout_s(self) -> float | None:
        """How long to wait for the grant; None for ever."""
        return self.request.get("timeout_s")


class Way(NamedTuple):
    """One thing that can be said of a request."""

    name: str
    """Flag without its dashes, and key in a file; in Python with `_` for `-`."""
    field: str
    """In the request, with dots; empty for what the controller does not hear of."""
    read: Callable[[Any], Any]
    """From what was said to what the request holds. Raises `InvalidInput` with a sentence that does not name where."""
    help: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    many: bool = False
    """Whether it may be said several times: a list in a file, with `;` between in a variable."""
    switch: bool = False
    """Whether it is said or not."""

    @property
    def variable(self) -> str:
        """Of the environment."""
        return "GPOOL_" + self.name.upper().replace("-", "_")

    @property
    def argument(self) -> str:
        """In Python."""
        return self.name.replace("-", "_")


def _whole(given: Any) -> int:
    try:
        if isinstance(given, bool) or (isinstance(given, float) and not given.is_integer()):
            raise ValueError
        number = int(given)
    except (TypeError, ValueError):
        raise InvalidInput(f"'{given}' is no whole number") from None
    if not 1 <= number <= MOST_GPUS:
        raise InvalidInput(f"{number} cannot be; ask for 1 to {MOST_GPUS} GPUs")
    return number


def _memory(given: Any) -> int | None:
    return None if given in ("all", "") else parse_memory_bytes(str(given))


def _compute(given: Any) -> int:
    return parse_compute_permille(str(given))


def _duration(given: Any) -> float:
    return parse_duration_s(str(given))


def _flag(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    word = str(given).strip().lower()
    if word not in _TRUE + _FALSE:
        raise InvalidInput(f"'{given}' is neither yes nor no; write 1 or 0")
    return word in _TRUE


def _text(given: Any) -> str:
    return str(given)


def _signal(given: Any) -> str:
    word = str(given).removeprefix("SIG")
    return "none" if word.lower() == "none" else word.upper()


def _texts(given: Any) -> list[str]:
    return [str(one) for one in given]


def _pairs(given: Any) -> dict[str, str]:
    if isinstance(given, Mapping):
        return {str(key): str(value) for key, value in given.items()}
    wrong = next((one for one in given if "=" not in str(one)), None)
    if wrong is not None:
        raise InvalidInput(f"'{wrong}' is no label; write KEY=VALUE")
    return dict(str(one).split("=", 1) for one in given)


WAYS = (
    Way("gpus", "vgpus", _whole, "How many vGPUs; each is a CUDA device of the program. [1]", "N"),
    Way("min-gpus", "min_vgpus", _whole, "So many are enough: begin with what is free. [all of --gpus]", "N"),
    Way("memory", "memory_bytes", _memory, "Memory of each vGPU: 8GiB, 512M, 1.5G. Without it: a whole GPU.", "SIZE"),
    Way(
        "exclusive",
        "exclusive",
        _flag,
        "Whole GPUs, of at least --memory each; nobody else is placed there.",
        switch=True,
    ),
    Way(
        "compute",
        "compute_permille",
        _compute,
        "Compute of each vGPU as a part of its GPU: 50%, 12.5%. [100%]",
        "PERCENT",
    ),
    Way(
        "min-compute",
        "min_compute_permille",
        _compute,
        "Compute that is kept for each vGPU. [as --compute, if that is less than 100%]",
        "PERCENT",
    ),
    Way("node", "node", _text, "Only GPUs of this node.", "NAME"),
    Way(
        "scope",
        "placement.scope",
        _text,
        "One GPU, one node, as few nodes as can be, or each vGPU on a node of its own. [pool]",
        choices=("gpu", "node", "pool", "spread"),
    ),
    Way(
        "reach",
        "placement.reach",
        _text,
        "GPUs of this machine: does not matter, first, only, or not at all. [anywhere]",
        choices=("anywhere", "local-first", "local", "remote"),
    ),
    Way(
        "gpu-model",
        "placement.gpu_models",
        _texts,
        "A model that will do: A100, 'A100 80GB', H100. Several: any of them.",
        "WORDS",
        many=True,
    ),
    Way(
        "select",
        "placement.nodes",
        _texts,
        "A label that nodes must have: zone=a, zone!=a, 'zone in (a, b)', zone, '!zone'.",
        "LABEL",
        many=True,
    ),
    Way(
        "tolerate",
        "placement.tolerations",
        _texts,
        "A taint of nodes that does not matter: KEY=VALUE, KEY, or '*'.",
        "TAINT",
        many=True,
    ),
    Way(
        "affinity",
        "placement.affinity",
        _texts,
        "Near to leases or away from them: 'same-node app=db', 'other-node …', 'other-gpu …'.",
        "WORDS",
        many=True,
    ),
    Way("label", "labels", _pairs, "What the lease is called by, for --affinity of others.", "KEY=VALUE", many=True),
    Way("queue", "queue", _text, "Who shares. [the queue of the user]", "NAME"),
    Way("priority", "priority", _text, "Name of the priority class: low, normal, high, … [normal]", "NAME"),
    Way(
        "preemptible",
        "preemptible",
        _flag,
        "Whether it may be ended to make room for others. [as its priority class says]",
        switch=True,
    ),
    Way(
        "timeout",
        "timeout_s",
        _duration,
        "How long to wait for the GPUs: 30s, 5m, 2h. Without it: until they are free.",
        "T",
    ),
    Way("max-duration", "max_duration_s", _duration, "How long to have them; then the lease ends. [any time]", "T"),
    Way("warn", "warn_s", _duration, "How long before the end of --max-duration to warn. [60s]", "T"),
    Way(
        "movable",
        "movable",
        _flag,
        "Its GPUs may be exchanged for others until the program first uses them.",
        switch=True,
    ),
    Way(
        "warn-signal",
        "",
        _signal,
        "What the command gets when its GPUs are about to be taken away. [TERM; in Python none]",
        choices=("TERM", "INT", "USR1", "USR2", "none"),
    ),
    Way(
        "transport",
        "transport",
        _text,
        "How calls travel: shared memory on the GPU's own machine, TCP from others. [auto]",
        choices=("auto", "shm", "tcp"),
    ),
    Way("on-use", "", _flag, "Ask for the GPUs when the program first uses one, not before.", switch=True),
)
"""All that can be said, in the order of the documents."""

_BY_NAME = {way.name: way for way in WAYS}


def resolve(
    said: Mapping[str, Any], environment: Mapping[str, str], file: str | None = None, *, style: str = "--{}"
) -> Wish:
    """The wish that flags or arguments (`said`, by name, None for what was not), the environment and a file make.

    `style`: how to name in sentences what was said. Raises `InvalidInput`.
    """
    values: dict[str, Any] = {}
    path = file or environment.get(FILE_VARIABLE) or None
    if path is not None:
        for name, given in _from_file(path).items():
            values[name] = _read(_BY_NAME[name], given, f"{name} in {path}")
    values |= orionx_wishes(environment)
    for way in WAYS:
        given = environment.get(way.variable, "")
        if given:
            parts = [part.strip() for part in given.split(";") if part.strip()] if way.many else given
            values[way.name] = _read(way, parts, way.variable)
    for name, given in said.items():
        if given is not None and given != ():
            way = _BY_NAME[name]
            values[name] = _read(way, given, style.format(name if style == "--{}" else way.argument))
    return Wish(_request(values), bool(values.get("on-use", False)), values.get("warn-signal"))


def _read(way: Way, given: Any, where: str) -> Any:
    if way.many and isinstance(given, str):
        given = [given]
    if way.many and not isinstance(given, list | tuple | Mapping):
        raise InvalidInput(f"{where}: '{given}' is no list of texts")
    try:
        value = way.read(given)
    except InvalidInput as error:
        gap = " " if str(error)[:1].isdigit() else ": "
        raise type(error)(f"{where}{gap}{error}") from None
    if way.choices and value not in way.choices:
        raise InvalidInput(f"{where}: '{value}' is not one of {', '.join(way.choices)}")
    return value


def _request(values: Mapping[str, Any]) -> dict[str, Any]:
    request: dict[str, Any] = {}
    for way in WAYS:
        if way.name not in values or not way.field:
            continue
        outer, _, inner = way.field.partition(".")
        if inner:
            request.setdefault(outer, {})[inner] = values[way.name]
        else:
            request[outer] = values[way.name]
    if request.get("placement", {}).get("reach", "anywhere") != "anywhere":
        request["host_id"] = boot_id()
    return request


def _from_file(path: str) -> dict[str, Any]:
    """What a TOML or YAML file says, by name."""
    try:
        with open(path, "rb") as file:
            raw = file.read()
    except OSError as error:
        raise InvalidInput(f"the request file {path!r} cannot be read ({error.strerror})") from error
    values = _parse(path, raw)
    for name in values:
        if name not in _BY_NAME:
            import difflib

            close = difflib.get_close_matches(str(name), list(_BY_NAME), 1)
            hint = f"do you mean '{close[0]}'?" if close else f"there are: {', '.join(_BY_NAME)}"
            raise InvalidInput(f"{path!r} says '{name}', which no request has; {hint}")
    return values


def _parse(path: str, raw: bytes) -> dict[str, Any]:
    suffix = os.path.splitext(path)[1].lower()
    try:
        if suffix == ".toml":
            import tomllib

            return tomllib.loads(raw.decode())
        if suffix not in (".yaml", ".yml"):
            raise InvalidInput(f"{path!r} is no request file; its name must end with .toml, .yaml or .yml")
        import yaml  # type: ignore[import-untyped]

        values = yaml.safe_load(raw)
    except GpoolError:
        raise
    except Exception as error:  # the parsers' own errors; yaml's are not of a common kind with tomllib's
        kind = "TOML" if suffix == ".toml" else "YAML"
        raise InvalidInput(f"{path!r} is not {kind} ({' '.join(str(error).split())})") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InvalidInput(f"{path!r} is no request; write one 'name: value' a line")
    return values
