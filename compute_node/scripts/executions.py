"""What runs one job, as the node's loop sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from compute_node.scripts.job_log import JobLog
from rpc.messages import ScriptEnd, ScriptTask, ScriptUsage


class Execution(Protocol):
    """A job from its bundle to what it leaves; works on a thread of its own."""

    @property
    def log(self) -> JobLog: ...
    @property
    def phase(self) -> str: ...
    @property
    def sandbox(self) -> str: ...
    @property
    def usage(self) -> ScriptUsage: ...

    def begin(self, done: Callable[[ScriptEnd], None], gpus: tuple[int, ...]) -> None:
        """Start, with these GPUs; `done` is called by the execution's thread when all is over and its log is whole."""

    def renew(self, lease_s: float) -> None:
        """The coordinator was heard of: go on for so long without another word."""

    def stop(self, grace_s: float) -> None:
        """Have the program end itself, and end it after the grace."""

    def artifact(self, name: str, offset: int, length: int) -> bytes:
        """Part of a file that it has left, once it is over; on a thread."""

    def remove(self) -> None:
        """Drop what is left of it, once it is over."""


Execute = Callable[[ScriptTask, Callable[[], None]], Execution]  # gets a task, and what to call from any thread on news
