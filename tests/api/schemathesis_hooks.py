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
    if "Idempotency-Key" in case.headers:
        # A key that was drawn twice, for two requests, would be refused, as it should.
        case.headers["Idempotency-Key"] = uuid.uuid4().hex
    if case.method == "DELETE" and case.operation.path.endswith("/nodes/{name}"):
        case.path_parameters = {"name": f"not-{THE_NODE}"}
    if isinstance(case.body, dict | list):
        case.body = _plain(case.body)


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
