"""What is done on a slot connection for one attempt of a script job: start it, follow it, fetch what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from coordinator.core.events import Broke, Declined, Delivered
from coordinator.core.scripting import GRACE_S
from coordinator.core.workload import Scripted
from coordinator.errands import Cargo, ask, bring_file
from coordinator.scripts import Call, Script, Step, Wait, kind_of
from rpc.blobs import BlobFolder
from rpc.convert import owned
from rpc.errors import (
    Cancelled,
    DiskFull,
    FailureKind,
    ProtocolError,
    Stale,
    TaskRejected,
    TimedOut,
    TrainerError,
    Unreachable,
)
from rpc.failures import reason_of
from rpc.messages import PART_BYTES, DataFile, ScriptNews, ScriptTask

_WAIT_MS = 10_000
_FULL_S = 2.0  # until a disk that took nothing is asked again
_ELSEWHERE = frozenset(  # not the job's
    {FailureKind.SETUP_FAILED, FailureKind.NODE_LOST, FailureKind.MISSING_BLOB, FailureKind.PREEMPTED}
)
NOT_WANTED = Broke(FailureKind.CANCELLED, "it was cancelled before its program started", is_over=True)
_UNSAID = (Unreachable, TimedOut, ProtocolError, Stale, TaskRejected)  # the node has not said that it has nothing of it

Later = Callable[[float, Callable[[], None]], object]
Aside = Callable[[Callable[[], Any], Callable[[Any], None]], None]
Steps = Generator[Step, Any, Any]


class Desk(Protocol):
    """Where the news of a job go."""

    def end_of_log(self) -> int:
        """The offset of what comes next; on a thread."""

    def take(self, news: ScriptNews) -> None:
        """Keep the log; on a thread. Raises DiskFull."""

    def tell(self, news: ScriptNews) -> None:
        """There are news, and they are kept."""

    def is_wanted(self, attempt: str) -> bool: ...
    def is_preempted(self, attempt: str) -> bool: ...


def run_script(
    task: ScriptTask, desk: Desk, cargo: Cargo, *, blobs: BlobFolder, aside: Aside, later: Later, node: str,
    taken: Callable[[], None],
) -> Script:  # fmt: skip
    """Run a job to its end; it may run already. `taken` is called when the node has taken it."""
    files = (task.spec.bundle, *task.spec.datasets)
    bring = partial(_bring, files, cargo, blobs)
    yield from bring()
    if not desk.is_wanted(task.attempt):
        return NOT_WANTED
    offset = yield from _beside(desk.end_of_log, aside)
    try:
        needs = [file.blob for file in files]
        yield from ask("start_script", replace(task, log_start=offset), cargo, needs=needs, bring=bring)
    except _UNSAID:
        raise
    except TrainerError as error:
        return Broke(kind_of(error), str(error), is_over=True)
    taken()
    if not desk.is_wanted(task.attempt):  # said on another connection, it may have come before the start
        yield Call("cancel_attempt", (task.attempt, round(1000 * GRACE_S)))
    elif desk.is_preempted(task.attempt):
        yield Call("preempt_attempt", (task.attempt, round(1000 * GRACE_S)))
    news = yield from _follow(task, desk, aside, later, offset=offset)
    end = news.ended
    assert end is not None
    if end.rejected or FailureKind(end.failure) in _ELSEWHERE:
        with suppress(*_UNSAID):  # it said all that counts, and may be gone
            yield Call("forget", ((f"model:{task.job}/",),))
        if end.rejected:
            return Declined(reason_of(end.rejected), end.reason)
        return Broke(FailureKind(end.failure), end.reason, is_over=True)
    for file in end.artifacts:
        yield from _fetch(file, partial(_keep, task, desk, aside, later), blobs)
    return Delivered("", Scripted(end, news.usage, node, news.sandbox))


def _bring(files: Iterable[DataFile], cargo: Cargo, blobs: BlobFolder) -> Steps:
    for file in files:
        yield from bring_file(blobs, file, cargo)


def _follow(task: ScriptTask, desk: Desk, aside: Aside, later: Later, *, offset: int) -> Steps:
    """Take in all of the log; return the last news."""
    while True:
        news: ScriptNews = owned((yield Call("follow", (task.attempt, offset, _WAIT_MS))))
        if (news.attempt, news.fence) != (task.attempt, task.fence):
            raise ProtocolError(f"told of {news.attempt} (fence {news.fence}) when asked for {task.attempt}")
        if news.start < offset or news.next_offset != news.start + len(news.log):
            raise ProtocolError(
                f"{task.attempt}: a log from {news.start} to {news.next_offset} when asked for {offset}"
            )
        if news.log:
            yield from _keep(task, desk, aside, later, partial(desk.take, news))
        offset = news.next_offset
        desk.tell(news)
        if news.ended is not None:
            return news


def _keep(task: ScriptTask, desk: Desk, aside: Aside, later: Later, work: Callable[[], Any]) -> Steps:
    """Do something that fills a disk of ours, again and again while that is full; return what it returns.

    The node goes on meanwhile, and keeps what it has.
    """
    while True:
        try:
            return (yield from _beside(work, aside))
        except DiskFull:
            if not desk.is_wanted(task.attempt):
                raise Cancelled("it was cancelled while the disk was full") from None
            yield Wait(partial(_in_a_while, later))


def _fetch(file: DataFile, keep: Callable[[Callable[[], Any]], Steps], blobs: BlobFolder) -> Steps:
    """Bring one file that the job has left, unless it is here."""
    state = yield from keep(lambda: blobs.state(file.blob, file.size))
    while state.have < file.size:
        part = bytes((yield Call("get_blob", (file.blob, state.have, min(PART_BYTES, file.size - state.have)))))
        if not part:
            raise ProtocolError(f"{file.file} ends at {state.have} of {file.size} bytes")
        state = yield from keep(partial(blobs.put, file.blob, file.size, state.have, part))


def _beside(work: Callable[[], Any], aside: Aside) -> Steps:
    """Do something on the thread for logs; return what it returns, or raise what it raises."""
    found: list[Any] = []

    def subscribe(go_on: Callable[[], None]) -> None:
        def done(outcome: Any) -> None:
            found.append(outcome)
            go_on()

        aside(work, done)

    yield Wait(subscribe)
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def _in_a_while(later: Later, go_on: Callable[[], None]) -> None:
    later(_FULL_S, go_on)
