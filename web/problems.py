"""Errors as HTTP tells them: problem details (RFC 9457) with the stable code of rpc/errors.py."""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from rpc.errors import TooMany, TrainerError

MEDIA_TYPE = "application/problem+json"

_STATUS = {
    "bad_request": HTTPStatus.BAD_REQUEST,
    "bad_data": HTTPStatus.UNPROCESSABLE_ENTITY,
    "bad_bundle": HTTPStatus.UNPROCESSABLE_ENTITY,
    "refused": HTTPStatus.UNPROCESSABLE_ENTITY,
    "unauthenticated": HTTPStatus.UNAUTHORIZED,
    "forbidden": HTTPStatus.FORBIDDEN,
    "too_many": HTTPStatus.TOO_MANY_REQUESTS,
    "not_found": HTTPStatus.NOT_FOUND,
    "missing_blob": HTTPStatus.NOT_FOUND,
    "stale": HTTPStatus.CONFLICT,
    "run_failed": HTTPStatus.CONFLICT,  # what is asked of it a run that ended so cannot give
    "disk_full": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "store_down": HTTPStatus.SERVICE_UNAVAILABLE,
    "unreachable": HTTPStatus.SERVICE_UNAVAILABLE,
    "timeout": HTTPStatus.GATEWAY_TIMEOUT,
}
# Of what is no error of ours; all others are bad_request.
_CODES = {403: "refused", 404: "not_found", 409: "stale", 429: "too_many", 500: "internal", 503: "refused"}
_RETRY_AFTER_S = 2
_MOST_ERRORS = 20  # that are told
_MOST_WORDS = 300  # of each: it may name what was sent

logger = logging.getLogger(__name__)


class Problem(BaseModel):
    """What every answer with an error status holds."""

    type: str
    title: str
    status: int
    detail: str
    code: str


RESPONSES: dict[int | str, dict[str, Any]] = {
    "default": {"description": "What went wrong.", "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}}}
}


def problem(status: int, code: str, detail: str) -> JSONResponse:
    """Return the answer that tells of an error."""
    about = Problem(
        type=f"urn:roundhouse:problem:{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        code=code,
    )
    headers = {"Retry-After": str(_RETRY_AFTER_S)} if status == HTTPStatus.SERVICE_UNAVAILABLE else None
    return JSONResponse(about.model_dump(), status, headers, MEDIA_TYPE)


def problem_of(error: TrainerError) -> JSONResponse:
    """Return the answer that tells of what the coordinator has refused, or of its absence."""
    answer = problem(_STATUS.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR), error.code, str(error))
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        answer.headers["WWW-Authenticate"] = 'Bearer realm="roundhouse"'
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def answer_with_problems(app: FastAPI) -> None:
    """Have the app answer with problem details whatever goes wrong; what is a bug is logged and not shown."""

    @app.exception_handler(TrainerError)
    async def declared(request: Request, error: TrainerError) -> JSONResponse:
        return problem_of(error)

    @app.exception_handler(HTTPException)
    async def plain(request: Request, error: HTTPException) -> JSONResponse:
        answer = problem(error.status_code, _CODES.get(error.status_code, "bad_request"), str(error.detail))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(ClientDisconnect)
    async def left(request: Request, error: ClientDisconnect) -> JSONResponse:
        return problem(HTTPStatus.BAD_REQUEST, "bad_request", "its sender left")  # nobody hears it, and it is no bug

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        told = [_words(each)[:_MOST_WORDS] for each in error.errors()[:_MOST_ERRORS]]
        return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_request", "; ".join(told))

    @app.exception_handler(Exception)
    async def bug(request: Request, error: Exception) -> JSONResponse:
        logger.error("%s %s", request.method, request.url.path, exc_info=error)
        return problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", "a bug of the web server; its log has more")


def _words(error: dict[str, object]) -> str:
    where = ".".join(str(each) for each in error["loc"]) if isinstance(error["loc"], tuple | list) else ""
    return f"{where}: {error['msg']}"
