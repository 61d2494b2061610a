"""What the generated requests must not do, for schemathesis; named in SCHEMATHESIS_HOOKS.

A cursor is opaque: only an answer's `next` is one. Streams and answers that are held back are asked for a moment only.
JSON Schema takes 3.0 for an integer; the API wants whole numbers written without a point. The only node is not removed:
afterwards nothing could be granted.
"""

import uuid
from typing import Any

import schemathesis

LONGEST_S = 0.05
THE_NODE = "a"


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    if isinstance(case.query, dict):
        case.query.pop("cursor", None)
        case.query.pop("wait_s", None)
        if case.operation.path.endswith("/watch") and _is_time(case.query.get("timeout_s", 3600.0)):
            case.query["timeout_s"] = LONGEST_S
    if "Idempotency-Key" in case.headers and not _lacks_a_header(case):
        # A key that was drawn twice, for two requests, would be refused, as it should.
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.method == "DELETE" and case.operation.path.endswith("/nodes/{name}"):
        case.path_parameters = {"name": f"not-{THE_NODE}"}
    if isinstance(case.body, dict | list) and repr(plain := _plain(case.body)) != repr(case.body):
        case.body = plain


def _lacks_a_header(case: Any) -> bool:
    # What a hook changes is judged anew: the case would count as complete and get its token back, yet be expected to
    # be refused for want of it.
    scenario = getattr(case.meta and case.meta.phase.data, "scenario", None)
    return getattr(scenario, "value", None) == "missing_parameter"


def _is_time(value: Any) -> bool:
    try:
        return 0 < float(value) <= 86_400
    except (TypeError, ValueError):
        return False


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
