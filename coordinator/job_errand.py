"""What is done on a slot connection for one attempt of a script job: start it, follow it, fetch what it leaves."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any, Protocol

from coordinator.core.events import Delivered
from coordinator.core.workload import Scripted
from coordinator.errands import Cargo, bring_file
from coordinator.scripts import Call, Script, Step, Wait
from rpc.blobs import BlobFolder, parts
from rpc.convert import owned
from rpc.errors import BadUpdate, DiskFull, FailureKind, MissingBlob, RunFailed
from rpc.messages import DataFile, ScriptEnd, ScriptNews, ScriptTask, ScriptUsage

_WAIT_MS = 10_000
_FULL_S = 2.0  # until a disk that took nothing is asked again
_ELSEWHERE = frozenset({FailureKind.SETUP_FAILED, FailureKind.NODE_LOST, FailureKind.MISSING_BLOB})  # not the job's

Later = Callable[[float, Callable[[], None]], object]
Aside = Callable[[Callable[[], Any], Callable[[Any], None]], None]
Steps = Generator[Step, Any, Any]


class Desk(Protocol):
    """Where the news of a job go."""

    def end_of_log(self) -> int: ...
    def take(self, news: ScriptNews) -> None:
        """Keep the log; on a thread. Raises DiskFull."""

    def tell(self, news: ScriptNews) -> None:
        """There are news, and they are kept."""

    def is_wanted(self) -> bool: ...


def run_script(
    task: ScriptTask, desk: Desk, cargo: Cargo, *, blobs: BlobFolder, aside: Aside, later: Later, node: str
) -> Script:
    """Run a job to its end; it may run already."""
    files = (task.spec.bundle, *task.spec.datasets)
    for file in files:
        yield from bring_file(blobs, file, cargo)
    if not desk.is_wanted():
        return Delivered("", _never_started(node))
    try:
        yield Call("start_script", (task,))
    except MissingBlob:
        cargo.held.difference_update(file.blob for file in files)
        raise
    news = yield from _follow(task, desk, aside, later)
    end = news.ended
    assert end is not None
    if FailureKind(end.failure) in _ELSEWHERE:
        yield Call("forget", ((f"model:{task.job}/",),))
        raise RunFailed(end.reason, FailureKind(end.failure))
    for file in end.artifacts:
        yield from _fetch(file, blobs, aside)
    return Delivered("", Scripted(end, news.usage, node, news.sandbox))


def _follow(task: ScriptTask, desk: Desk, aside: Aside, later: Later) -> Steps:
    """Take in all of the log; return the last news."""
    offset = yield from _beside(desk.end_of_log, aside)
    while True:
        news: ScriptNews = owned((yield Call("follow", (task.attempt, offset, _WAIT_MS))))
        if (news.attempt, news.fence) != (task.attempt, task.fence):
            raise BadUpdate(f"told of {news.attempt} (fence {news.fence}) when asked for {task.attempt}")
        try:
            if news.log:
                yield from _beside(partial(desk.take, news), aside)
        except DiskFull:
            yield Wait(partial(_in_a_while, later))
            continue
        offset = news.next_offset
        desk.tell(news)
        if news.ended is not None:
            return news


def _fetch(file: DataFile, blobs: BlobFolder, aside: Aside) -> Steps:
    """Bring one file that the job has left, unless it is here."""
    state = yield from _beside(lambda: blobs.state(file.blob, file.size), aside)
    have = state.have
    for offset, length in parts(file.size):
        if offset < have:
            continue
        part = bytes((yield Call("get_blob", (file.blob, offset, length))))
        yield from _beside(partial(blobs.put, file.blob, file.size, offset, part), aside)


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


def _never_started(node: str) -> Scripted:
    end = ScriptEnd(0, int(FailureKind.CANCELLED), "it was cancelled before its program started")
    return Scripted(end, ScriptUsage(), node, "")
