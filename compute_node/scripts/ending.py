"""How a job ended, in the words that its user reads."""

from __future__ import annotations

import signal
from dataclasses import replace

from compute_node.scripts.artifacts import Collected
from compute_node.scripts.box import Limits
from compute_node.scripts.orders import Ended
from rpc.errors import FailureKind, TaskRejected, TrainerError
from rpc.messages import ScriptEnd

_KINDS = {"limit:memory": FailureKind.OUT_OF_MEMORY, "limit:time": FailureKind.TIMEOUT}
_FLAGS = {"memory": "--memory", "time": "--timeout", "disk": "--disk", "pids": "--pids"}


def end_of(ended: Ended, limits: Limits, seconds: float) -> ScriptEnd:
    """The end of a program that ran."""
    status, cause = ended.exit_status, ended.cause
    if cause == "stopped":
        return ScriptEnd(status, int(FailureKind.CANCELLED), "it was asked to end", seconds=seconds)
    if cause == "lease":
        reason = "the coordinator was not heard of any more"
        return ScriptEnd(status, int(FailureKind.NODE_LOST), reason, seconds=seconds)
    if cause == "node":
        return ScriptEnd(status, int(FailureKind.NODE_LOST), "its watchdog was told to end", seconds=seconds)
    if cause:
        kind = _KINDS.get(cause, FailureKind.USER_ERROR)
        return ScriptEnd(status, int(kind), over(cause.removeprefix("limit:"), limits), seconds=seconds)
    if status:
        return ScriptEnd(status, int(FailureKind.USER_ERROR), _status(status), seconds=seconds)
    return ScriptEnd(0, seconds=seconds)


def with_artifacts(end: ScriptEnd, left: Collected) -> ScriptEnd:
    """The same with what the job has left; one that has lost something has not done what it was to do."""
    end = replace(end, artifacts=tuple(left.files))
    if not left.lost:
        return end
    reason = f"{end.reason}; {left.lost}" if end.reason else left.lost
    return replace(end, failure=end.failure or int(FailureKind.NO_CAPACITY), reason=reason)


def end_without_start(error: Exception) -> ScriptEnd:
    """The end of a job whose program never ran."""
    if isinstance(error, TrainerError):
        return ScriptEnd(0, int(error.kind), str(error))
    if isinstance(error, TaskRejected):
        return ScriptEnd(0, int(FailureKind.SETUP_FAILED), str(error), rejected=int(error.reason))
    return ScriptEnd(0, int(FailureKind.SETUP_FAILED), f"the node could not set it up: {error}")


def _status(status: int) -> str:
    number = status - 128
    if number in signal.valid_signals() and number > 0:
        return f"ended by signal {number} ({signal.Signals(number).name})"
    return f"exit status {status}"


def over(limit: str, limits: Limits) -> str:
    """What is told of a job that was over a limit."""
    flag = f" ({_FLAGS[limit]} sets it)" if limit in _FLAGS else ""
    match limit:
        case "memory":
            bound = f"{_size(limits.memory_bytes)} of memory"
        case "time":
            bound = f"{limits.time_s:g} s"
        case "disk":
            bound = f"{_size(limits.disk_bytes)} of disk"
        case _:
            bound = "what it may have"
    return f"limit:{limit}: more than {bound}{flag}"


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:,.0f} MB" if n_bytes >= 1_000_000 else f"{n_bytes:,} bytes"
