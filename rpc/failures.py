"""Errors to the declared exceptions of the IDL and back."""

from __future__ import annotations

import logging
from secrets import token_hex
from typing import Any

from rpc.errors import RejectReason, RemoteError, RunFailed, TaskRejected, TrainerError, error_from_code
from rpc.generated import ttypes
from rpc.services import Method, Outcome

logger = logging.getLogger(__name__)

_MAX_TEXT = 4000  # characters; a text must fit the smallest frame many times over


def outcome_of(error: Exception, method: Method) -> Outcome:
    """The reply that tells of `error`; an unexpected one goes to the log, and its number to the caller."""
    if isinstance(error, TaskRejected) and method.may_reject:
        rejected = ttypes.Rejected(reason=error.reason, message=_text(error), retry_after_ms=error.retry_after_ms)
        return Outcome(rejected=rejected)
    if not isinstance(error, TrainerError):
        error = _incident(error, method)
    kind = error.failure if isinstance(error, RunFailed) else error.kind
    return Outcome(failure=ttypes.Failure(kind=kind, code=error.code, message=_text(error)))


def error_of(outcome: Outcome) -> TrainerError | TaskRejected | None:
    """The exception that a reply declares, if any."""
    failure, rejected = outcome.failure, outcome.rejected
    if failure is not None:
        return error_from_code(failure.code or "", failure.kind or 0, failure.message or "failed without a word")
    if rejected is not None:
        return TaskRejected(reason_of(rejected.reason), rejected.message or "", rejected.retry_after_ms or 0)
    return None


def _incident(error: Exception, method: Method) -> RemoteError:
    number = token_hex(4)
    logger.error("incident %s: %s failed unexpectedly", number, method.name, exc_info=error)
    return RemoteError(f"{method.name} met an internal error; the log there has it as incident {number}")


def reason_of(number: Any) -> RejectReason:
    """The reason of this number."""
    try:
        return RejectReason(number)
    except ValueError:
        return RejectReason.BUSY  # a reason of a newer peer


def _text(error: Exception) -> str:
    # A path may hold surrogates, which UTF-8 refuses.
    return str(error)[:_MAX_TEXT].encode("utf-8", "replace").decode()
