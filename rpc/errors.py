"""The errors that programs show to people and send to each other, and the sets that tell them apart."""

from __future__ import annotations

from enum import IntEnum, unique
from typing import ClassVar


@unique
class ExitCode(IntEnum):
    """The exit statuses of every program."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    UNREACHABLE = 3
    REFUSED = 4
    INTERRUPTED = 130


@unique
class FailureKind(IntEnum):
    """Why an attempt or a piece of work failed; the numbers are on the wire and never change."""

    NONE = 0
    USER_ERROR = 1
    TIMEOUT = 2
    OUT_OF_MEMORY = 3
    NODE_LOST = 4
    NO_CAPACITY = 5
    SETUP_FAILED = 6
    CANCELLED = 7
    STALE = 8
    BAD_UPDATE = 9
    DIVERGED = 10
    POISON = 11
    INTERNAL = 12
    PROTOCOL = 13
    MISSING_BLOB = 14
    DEPENDENCY = 15
    PREEMPTED = 16

    @property
    def code(self) -> str:
        """The name in lower case: the same over Thrift, HTTP and SQL."""
        return self.name.lower()


@unique
class RejectReason(IntEnum):
    """Why a node declined a task: its right, and no failure."""

    BUSY = 1
    NO_SLOT = 2
    MEMORY = 3
    LABELS = 4
    OPERATOR = 5
    DRAINING = 6
    CLASS = 7


class TrainerError(Exception):
    """Base of all expected errors: one line that says what happened, where, and what to do next."""

    kind: ClassVar[FailureKind] = FailureKind.INTERNAL
    code: ClassVar[str] = "internal"
    exit_code: ClassVar[ExitCode] = ExitCode.FAILED


class BadRequest(TrainerError):
    """An argument is outside what is allowed."""

    kind = FailureKind.USER_ERROR
    code = "bad_request"
    exit_code = ExitCode.USAGE


class BadData(TrainerError):
    """A data file cannot be used; the message starts with file:line where there is one."""

    kind = FailureKind.USER_ERROR
    code = "bad_data"


class BadBundle(TrainerError):
    """The ZIP of a script job, or the requirements in it, are not what a node may use."""

    kind = FailureKind.USER_ERROR
    code = "bad_bundle"


class NotFound(TrainerError):
    """No work, blob or node has this name."""

    kind = FailureKind.USER_ERROR
    code = "not_found"


class RunFailed(TrainerError):
    """A run ended without a model; `failure` says of what kind."""

    code = "run_failed"

    def __init__(self, message: str, failure: FailureKind = FailureKind.INTERNAL) -> None:
        super().__init__(message)
        self.failure = failure


class Diverged(TrainerError):
    """Training left the finite range."""

    kind = FailureKind.DIVERGED
    code = "diverged"


class OutOfMemory(TrainerError):
    """The node has not enough memory for the task."""

    kind = FailureKind.OUT_OF_MEMORY
    code = "out_of_memory"


class DiskFull(TrainerError):
    """A disk takes nothing now: it has no room, or is read-only."""

    kind = FailureKind.NO_CAPACITY
    code = "disk_full"


class StoreDown(TrainerError):
    """The store cannot be used now (locked, full, read-only, away); nothing was lost, and the call may be repeated."""

    kind = FailureKind.NO_CAPACITY
    code = "store_down"


class SetupFailed(TrainerError):
    """What a script job needs could not be made ready on the node."""

    kind = FailureKind.SETUP_FAILED
    code = "setup_failed"


class Cancelled(TrainerError):
    """The attempt was told to stop."""

    kind = FailureKind.CANCELLED
    code = "cancelled"


class MissingBlob(TrainerError):
    """A blob that the call names is not held here (any more)."""

    kind = FailureKind.MISSING_BLOB
    code = "missing_blob"


class BadUpdate(TrainerError):
    """A vector that was declared good is not: wrong length, dtype, digest, or not finite."""

    kind = FailureKind.BAD_UPDATE
    code = "bad_update"


class Stale(TrainerError):
    """The caller belongs to an earlier epoch or attempt."""

    kind = FailureKind.STALE
    code = "stale"


class PortInUse(TrainerError):
    """The address to serve on is taken."""

    kind = FailureKind.SETUP_FAILED
    code = "port_in_use"

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"{host}:{port} is in use; choose another port (0 picks a free one) or stop the program there")


class Unreachable(TrainerError):
    """Nobody answers at the address, or the connection ended."""

    kind = FailureKind.NODE_LOST
    code = "unreachable"
    exit_code = ExitCode.UNREACHABLE


class TimedOut(Unreachable):
    """No answer within the deadline of the call."""

    kind = FailureKind.TIMEOUT
    code = "timeout"


class ProtocolError(TrainerError):
    """The bytes are not what this protocol allows; the connection is closed."""

    kind = FailureKind.PROTOCOL
    code = "protocol"
    exit_code = ExitCode.REFUSED


class Refused(TrainerError):
    """The other side does not serve this caller (version, token, role)."""

    kind = FailureKind.PROTOCOL
    code = "refused"
    exit_code = ExitCode.REFUSED


class Unauthenticated(Refused):
    """The caller does not say who it is, or nobody knows the token that it shows (any more)."""

    code = "unauthenticated"


class Forbidden(Refused):
    """The role of the caller's token does not go so far."""

    code = "forbidden"


class TooMany(TrainerError):
    """The caller asks more often than it may; `retry_after_s` seconds later it may again."""

    kind = FailureKind.NO_CAPACITY
    code = "too_many"
    exit_code = ExitCode.REFUSED

    def __init__(self, message: str, retry_after_s: int = 60) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class RemoteError(TrainerError):
    """The other side met a bug of its own; its log has the details."""

    code = "remote"


class TaskRejected(Exception):
    """The node declined a task; not a TrainerError, because nothing failed."""

    def __init__(self, reason: RejectReason, message: str, retry_after_ms: int = 0) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_after_ms = retry_after_ms


_BY_CODE: dict[str, type[TrainerError]] = {
    error.code: error
    for error in (
        BadRequest,
        BadData,
        BadBundle,
        NotFound,
        SetupFailed,
        Cancelled,
        Diverged,
        OutOfMemory,
        DiskFull,
        StoreDown,
        MissingBlob,
        BadUpdate,
        Stale,
        ProtocolError,
        Refused,
        Unauthenticated,
        Forbidden,
        TooMany,
        RemoteError,
    )
}


def error_from_code(code: str, kind: int, message: str) -> TrainerError:
    """The exception for what came over the wire; a code of a newer peer becomes a RunFailed of its kind."""
    known = _BY_CODE.get(code)
    if known is not None:
        return known(message)
    try:
        return RunFailed(message, FailureKind(kind))
    except ValueError:
        return RunFailed(message)
