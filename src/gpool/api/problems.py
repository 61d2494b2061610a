"""Every answer that is not a success is an RFC 9457 problem, whoever noticed it."""

from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from gpool.errors import (
    BodyTooLarge,
    GpoolError,
    InvalidInput,
    MalformedBody,
    NotAuthenticated,
    TooManyRequests,
    UnsupportedBody,
)
from gpool.model.ids import NODE_NAME_PATTERN, POLICY_NAME_PATTERN, TOKEN_NAME_PATTERN
from gpool.model.views import Problem

__all__ = ["PROBLEMS", "answer_problem", "install_problems"]

log = structlog.get_logger("gpool.api")

_MEDIA_TYPE = "application/problem+json"
_SHOWN_FAULTS = 3

# What a text should have looked like, for people who do not read regular expressions.
_SHAPES = {
    NODE_NAME_PATTERN: "is no node name; use up to 31 small letters, digits, '-' and '.', such as node-a",
    POLICY_NAME_PATTERN: "is no name for this; use up to 63 small letters, digits, '-', '_' and '.', such as vision",
    TOKEN_NAME_PATTERN: "is no name of a token; use up to 63 letters, digits, '.', '_', '@' and '-', such as alice",
}


def PROBLEMS(*statuses: int) -> dict[int | str, dict[str, object]]:  # noqa: N802 - reads as a table in the routes
    """`responses=` of a route that may answer these problems, and those that every route may answer."""
    everywhere = (400, 401, 403, 413, 415, 422, 429, 500, 503)
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {_MEDIA_TYPE: {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}}},
        }
        for status in sorted({*everywhere, *statuses})
    }


def answer_problem(error: GpoolError) -> JSONResponse:
    """The answer that tells of this error."""
    headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, NotAuthenticated) else {}
    if isinstance(error, TooManyRequests):
        headers["Retry-After"] = str(error.retry_after_s)
    return JSONResponse(error.to_problem(), error.http_status, headers=headers, media_type=_MEDIA_TYPE)


def install_problems(app: FastAPI) -> None:
    """Let `app` answer all its failures as problems."""

    @app.exception_handler(GpoolError)
    async def _known(_request: Request, error: GpoolError) -> JSONResponse:
        return answer_problem(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        faults = error.errors()
        if any(fault["type"] == "json_invalid" for fault in faults):
            return answer_problem(MalformedBody(f"the body is not JSON ({_why_not_json(faults)}); send a JSON object"))
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in ("", "application/json") and any(tuple(fault["loc"]) == ("body",) for fault in faults):
            return answer_problem(UnsupportedBody(f"the body says that it is {kind!r}; send application/json"))
        told = "; ".join(_fault(fault) for fault in faults[:_SHOWN_FAULTS])
        more = f"; and {len(faults) - _SHOWN_FAULTS} more" if len(faults) > _SHOWN_FAULTS else ""
        return answer_problem(InvalidInput(f"the request cannot be understood: {told}{more}"))

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> JSONResponse:
        if error.status_code == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            return answer_problem(BodyTooLarge("the body is larger than 1 MiB; no request of gpool is"))
        if error.status_code == HTTPStatus.BAD_REQUEST:
            return answer_problem(MalformedBody("the body could not be read; send a JSON object in UTF-8"))
        phrase = HTTPStatus(error.status_code).phrase
        sentence = {
            404: f"there is nothing at {request.url.path}; the API is described at /api/v1/openapi.json",
            405: f"{request.url.path} does not answer {request.method}; the API is described at /api/v1/openapi.json",
        }.get(error.status_code, str(error.detail))
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            # The framework names the methods of the first of its routes at this path only.
            headers["Allow"] = ", ".join(sorted(_methods_at(app, request)))
        body = {"type": "about:blank", "title": phrase, "status": error.status_code, "detail": sentence}
        return JSONResponse(body, error.status_code, headers=headers, media_type=_MEDIA_TYPE)

    @app.exception_handler(Exception)
    async def _unknown(request: Request, error: Exception) -> JSONResponse:
        log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
        return answer_problem(
            GpoolError("the controller failed at this request; its log says where, please report it with that")
        )


def _methods_at(app: FastAPI, request: Request) -> set[str]:
    """What can be asked for at the path of the request."""
    document = app.openapi()["paths"]
    path = request.url.path.split("/")
    return {
        method.upper()
        for known, operations in document.items()
        if len(parts := known.split("/")) == len(path)
        and all(part == given or part.startswith("{") for part, given in zip(parts, path, strict=True))
        for method in operations
        if method in ("get", "put", "post", "delete", "patch", "head", "options")
    }


def _why_not_json(faults: object) -> str:
    first = next(fault for fault in faults if fault["type"] == "json_invalid")  # type: ignore[attr-defined]
    return str(first.get("ctx", {}).get("error", "it cannot be parsed")).lower()


def _fault(fault: dict[str, object]) -> str:
    where, *path = (str(part) for part in fault["loc"])  # type: ignore[attr-defined]
    name = ".".join(path) or where
    message = str(fault["msg"])
    message = message[:1].lower() + message[1:]
    given = fault.get("input")
    context = fault.get("ctx")
    shape = _SHAPES.get(str(context.get("pattern"))) if isinstance(context, dict) else None
    if shape is not None:
        return f"{name}: {_shortened(given)} {shape}"
    shown = f" (it is {given!r})" if isinstance(given, int | float | str | None) and len(repr(given)) < 60 else ""
    return f"{name}: {message}" + ("" if fault["type"] == "missing" else shown)


def _shortened(given: object) -> str:
    shown = repr(given)
    return shown if len(shown) < 60 else f"{shown[:57]}..."
