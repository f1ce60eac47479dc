"""Errors as RFC 9457 problem details: the one table from error class to HTTP status. Installed by app.py."""

from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from pumphouse.domain import errors
from pumphouse.services.access import ForbiddenError, UnauthenticatedError
from pumphouse.wire.finding import FindingView
from pumphouse.wire.problem import MEDIA_TYPE, ProblemView

STATUS: Mapping[type[errors.PumphouseError], int] = {
    UnauthenticatedError: 401,
    ForbiddenError: 403,
    errors.InvalidInputError: 422,
    errors.NotFoundError: 404,
    errors.AmbiguousError: 409,
    errors.ConflictError: 409,
    errors.LockedError: 409,
    errors.BlockedError: 409,
    errors.StaleOwnerError: 409,
    # the clouds behind us, not the client, are at fault
    errors.CredentialsError: 502,
    errors.CloudRefusedError: 502,
    errors.DeployerError: 502,
    errors.CloudFaultError: 503,
    errors.StoreFaultError: 503,
    errors.DeadlineError: 504,
    errors.StoppedError: 503,
    errors.TemporaryError: 503,
    errors.PermanentError: 500,
    errors.PumphouseError: 500,
}
"""The nearest class counts. docs/api.md prints this table."""

TITLES = {
    400: "Bad request",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    422: "Invalid input",
    500: "Internal error",
    502: "A cloud or deployer refused",
    503: "Temporarily not possible",
    504: "Took too long",
}


def status_of(error: errors.PumphouseError) -> int:
    """The HTTP status of an error."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def problem_of(error: errors.PumphouseError) -> ProblemView:
    """An error as a problem."""
    status = status_of(error)
    wrong = error if isinstance(error, errors.InvalidInputError) else None
    found = error.findings if isinstance(error, errors.BlockedError) else ()
    return ProblemView(
        type=f"urn:pumphouse:problem:{error.code}",
        title=TITLES.get(status, "Error"),
        status=status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        field=wrong.field if wrong else None,
        value=_told(wrong.value) if wrong else None,
        findings=tuple(FindingView.model_validate(f) for f in found),
    )


def install(app: FastAPI) -> None:
    """Make `app` answer every error as a problem."""
    app.add_exception_handler(errors.PumphouseError, _on_ours)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(Exception, _on_unexpected)


def _on_ours(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, errors.PumphouseError):
        raise error
    headers = {}
    if isinstance(error, UnauthenticatedError):
        headers["WWW-Authenticate"] = 'Bearer realm="pumphouse"'
    if isinstance(error, errors.TemporaryError):
        headers["Retry-After"] = str(max(1, round(error.after_s)))
    return _answer(request, problem_of(error), headers)


def _on_validation(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = [str(part) for part in first["loc"]]
    field = ".".join(where[1:]) or where[0]
    wrong = errors.InvalidInputError(
        field,
        first.get("input"),
        first["msg"],
        hint=f"correct {field} in the {where[0]}",
        # a field that nobody knows may hold anything
        hidden=first["type"] == "extra_forbidden" or "variables" in first["loc"],
    )
    return _answer(request, problem_of(wrong))


def _on_http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "http")
    problem = ProblemView(
        type=f"urn:pumphouse:problem:{code}",
        title=TITLES.get(error.status_code, "Error"),
        status=error.status_code,
        detail=f"{request.method} {request.url.path}: {error.detail}",
        code=code,
        hint="GET /v1/openapi.json lists what there is",
    )
    return _answer(request, problem, dict(error.headers or {}))


def _on_unexpected(request: Request, error: Exception) -> JSONResponse:
    # the words of an unforeseen error may hold anything, so only its class is told; the log has the rest
    problem = ProblemView(
        type="urn:pumphouse:problem:internal",
        title=TITLES[500],
        status=500,
        detail=f"something went wrong inside Pumphouse ({type(error).__name__})",
        code="internal",
        hint="the log of the server has the details under this request id",
    )
    return _answer(request, problem)


def _told(value: object) -> str | int | float | bool | None:
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _answer(request: Request, problem: ProblemView, headers: Mapping[str, str] | None = None) -> JSONResponse:
    known = problem.model_copy(update={"request_id": getattr(request.state, "request_id", None)})
    return JSONResponse(
        known.model_dump(mode="json", exclude_none=True),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers=dict(headers or {}),
    )
