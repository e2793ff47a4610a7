"""Sequences of calls on a slot connection, as generators: each step is a call to the node or work for a thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias

from coordinator.core.events import Broke, Declined, Outcome
from rpc.channel import Channel
from rpc.errors import (
    FailureKind,
    ProtocolError,
    RunFailed,
    TaskRejected,
    TimedOut,
    TrainerError,
    Unreachable,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Call:
    """Call a method of the node; the step's value is its result. A view in it is valid until the next step."""

    method: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class OnThread:
    """Run something on a thread; the step's value is what it returns."""

    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Call a method while something runs on a thread; the step's value is the call's result.

    The reply is not received before the thread is done: until then a view in the last one stays valid.
    """

    call: Call
    work: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class Wait:
    """Go on when the subscription calls back."""

    subscribe: Callable[[Callable[[], None]], None]


Step: TypeAlias = Call | OnThread | Meanwhile | Wait
Script: TypeAlias = Generator[Step, Any, Outcome]
RunAside: TypeAlias = Callable[[Callable[[], Any], Callable[[Any], None]], None]


class Player:
    """Plays one script on a channel; `done` gets the outcome, exactly once."""

    def __init__(
        self,
        script: Script,
        channel: Channel,
        aside: RunAside,
        timeout_s: float,
        done: Callable[[Outcome], None],
    ) -> None:
        self._script = script
        self._channel = channel
        self._aside = aside
        self._timeout_s = timeout_s
        self._done = done

    def play(self, value: Any = None) -> None:
        """Take the next step with the value of the last one."""
        try:
            step = self._script.throw(value) if isinstance(value, Exception) else self._script.send(value)
        except StopIteration as end:
            self._done(end.value)
        except Exception as error:  # the top of the script: none may leave the task placed for ever
            outcome = self._outcome(error)
            # It leads to this frame, whose value the error may be: a cycle that would keep the script's vectors.
            error.__traceback__ = None
            self._done(outcome)
        else:
            self._take(step)

    def _outcome(self, error: Exception) -> Outcome:
        if isinstance(error, TaskRejected):
            return Declined(error.reason, str(error))
        if isinstance(error, TrainerError):
            return Broke(kind_of(error), str(error))
        # A bug or a full disk of ours.
        logger.error("a script for %s failed unexpectedly", self._channel.address, exc_info=error)
        return Broke(FailureKind.SETUP_FAILED, "the coordinator could not serve the task; its log says why")

    def _take(self, step: Step) -> None:
        match step:
            case Call():
                self._call(step, self.play)
            case OnThread(work):
                self._aside(work, self.play)
            case Meanwhile(call, work):
                self._call_meanwhile(call, work)
            case Wait(subscribe):
                subscribe(self.play)

    def _call(self, call: Call, on_reply: Callable[[Any], None]) -> None:
        if self._channel.busy:
            self.play(Unreachable(f"the connection to {self._channel.address} has ended"))
        else:
            self._channel.call(call.method, *call.args, timeout_s=self._timeout_s, on_reply=on_reply)

    def _call_meanwhile(self, call: Call, work: Callable[[], Any]) -> None:
        connection = self._channel.connection
        assert connection is not None
        failures: list[Exception] = []

        def worked(outcome: Any) -> None:
            if isinstance(outcome, Exception):
                failures.append(outcome)
            connection.release()

        connection.hold()
        self._aside(work, worked)
        self._call(call, lambda reply: self.play(failures[0] if failures else reply))


def kind_of(error: TrainerError) -> FailureKind:
    """The failure kind of an attempt that ended with this error."""
    if isinstance(error, TimedOut):
        return FailureKind.TIMEOUT
    if isinstance(error, Unreachable):
        return FailureKind.NODE_LOST
    if isinstance(error, ProtocolError):
        return FailureKind.PROTOCOL
    return error.failure if isinstance(error, RunFailed) else error.kind
