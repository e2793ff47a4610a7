"""Why a training run fails, in words that name the place."""

from __future__ import annotations

from coordinator.core.workload import End, TaskSpec
from rpc.errors import FailureKind
from rpc.messages import RunSpec


def end_of(spec: RunSpec, task: TaskSpec, kind: FailureKind, message: str) -> End:
    """The end of a run that cannot do without this task; a mistake of the user's tells its place itself."""
    if kind is FailureKind.USER_ERROR:
        return End(kind, message)
    file = spec.shards[task.order[1]].file
    place = f"survey of {file}" if task.kind == "survey" else f"round {task.order[0]}, shard {file}"
    if kind is FailureKind.DIVERGED:
        message = f"training diverged with eta {spec.eta:g} ({message})"
    return End(kind, f"{place}: {message}")


def timed_out(spec: RunSpec, waiting_for: str) -> End:
    """The end of a run whose time is over; `waiting_for` is what it could not go on without, if anything."""
    kind = FailureKind.NO_CAPACITY if waiting_for else FailureKind.TIMEOUT
    why = f"; waiting for {waiting_for}" if waiting_for else ""
    return End(kind, f"run timeout: not done {spec.run_timeout_s:g} s after it was submitted{why}")
