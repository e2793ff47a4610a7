"""Why a run or a job waits, goes on, or ended as it did."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from coordinator.core.model import TaskState, WorkState
from coordinator.core.scripting import ScriptJob
from coordinator.core.workload import ARRAY
from coordinator.remembering import stored_row
from coordinator.store.failures import StoreDown
from coordinator.store.reading import Reader
from coordinator.why.history import not_told, of_event, one_by_one, totals
from coordinator.why.now import TaskNow, WorkNow
from coordinator.why.rounds import path_of, round_reasons
from coordinator.why.waiting import waiting
from coordinator.why.words import counted, listed, seconds
from rpc.codec import from_bytes
from rpc.messages import EventQuery, Reason, RunSpec, Why, WorkRow
from rpc.nearest import unknown

_SHOWN = 5  # set-backs, and waits
_KNOWN = 1000  # ids among which a like one is looked for
_BROKEN_OFF = (WorkState.FAILED.value, WorkState.CANCELLED.value)
_WAITS = ("waiting", "went on", "left out", "resumed", "damaged", "max time", "stopping")


def why_work(work_id: str, now: WorkNow | None, reader: Reader, store_fault: str) -> Why:
    """Return the answer; on a thread. `now` is of work that the dispatcher knows.

    Raises:
        NotFound: nobody knows such work.
    """
    row = now.row if now is not None else _stored(work_id, reader)
    reasons: list[Reason] = []
    if now is not None and not row.ended_ms:
        reasons += [*waiting(now, store_fault), *_tasks(now.tasks)]
    before = 0
    try:
        before = _rounds_before(row, reader)
        reasons += [*_noes(now.tasks if now is not None else (), reader), *_history(row, before, reader)]
    except StoreDown as error:
        reasons.append(not_told(error))
    return Why("run", row.id, row.state, _answer(row, before, reasons), tuple(reasons))


def _rounds_before(row: WorkRow, reader: Reader) -> int:
    """How many of its rounds another run did, which it goes on from."""
    spec = reader.spec(row.id) if row.kind == "run" else None
    return from_bytes(RunSpec, spec).parent_round if spec is not None else 0


def _history(row: WorkRow, before: int, reader: Reader) -> Iterator[Reason]:
    yield from map(of_event, reader.find_events(EventQuery(row.id, limit=_SHOWN), kinds=_WAITS))
    yield from totals(reader.set_backs(row.id), all_again=row.state not in _BROKEN_OFF)
    yield from one_by_one(reader.failures(work_id=row.id))
    last = reader.rounds(row.id, after=max(before, row.round - 1), up_to=row.round)
    slowest = reader.slowest_round(row.id, after=before)
    if slowest is not None and last and slowest.row.round != last[0].row.round:
        yield from path_of(slowest, "the slowest, ")
    yield from chain.from_iterable(map(round_reasons, last))


def _stored(work_id: str, reader: Reader) -> WorkRow:
    work = reader.work(work_id)
    if work is None:
        raise unknown("run or job", work_id, (each.id for each in reader.work_page(limit=_KNOWN)))
    return stored_row(work)


def _noes(tasks: tuple[TaskNow, ...], reader: Reader) -> Iterator[Reason]:
    """What each node has said of a task that all decline, and when they are asked again."""
    for task in tasks:
        if task.again_s:
            said = {each.node: each for each in reader.attempts(task.id.partition("/")[0], task=task.id)}
            yield from one_by_one([said[node] for node in task.declined_by if node in said])
            yield Reason(
                "waiting", f"they are asked again in {seconds(task.again_s)}, a node that comes is asked at once"
            )


def _until(task: TaskNow) -> str:
    if not task.free_s:
        return "it goes on as soon as a connection to that node is free"
    return f"it waits until that node is heard of or {seconds(task.free_s)} are over"


def _answer(row: WorkRow, before: int, reasons: list[Reason]) -> str:
    is_job = row.kind in (ScriptJob.kind, ARRAY)
    if row.ended_ms:
        took = seconds(max(0, row.ended_ms - (row.started_ms or row.submitted_ms)) / 1000)
        done = "completed" if is_job else f"completed {counted(row.round - before, 'round')}"
        end = {
            "completed": f"{done} in {took}",
            "failed": f"failed after {took}",
        }
        told = end.get(row.state, f"was {row.state} after {took}")
        return f"{row.id} {told}" + (f": {row.reason}" if row.reason else "") + "."
    keeps = next((reason.text for reason in reasons if reason.about == "waiting"), "")
    if keeps:
        return f"{row.id} is {row.state}: {keeps}."
    if row.state == WorkState.PENDING.value:
        return f"{row.id} is pending and begins as soon as a node is free."
    if row.kind == ARRAY:
        n_open = sum(n for state, n in row.members.items() if not WorkState(state).is_final)
        ended = f"{row.tasks_total - n_open:,} of {counted(row.tasks_total, 'job')} have ended"
        return f"{row.id} runs: {ended}; `why job {row.id}/INDEX` tells of one of them."
    if is_job:
        return f"{row.id} runs: {next((each.text for each in reasons if each.about == 'tasks'), 'it begins')}."
    return f"{row.id} runs: {row.round} of {counted(row.rounds, 'round')} done, nothing keeps it waiting."


def _tasks(tasks: tuple[TaskNow, ...]) -> Iterator[Reason]:
    busy = [f"{task.id} on {task.node}" for task in tasks if task.node and task.state is not TaskState.HELD]
    ready = [task.id for task in tasks if task.state is TaskState.READY and not task.lives_on]
    delayed = [task.id for task in tasks if task.state is TaskState.DELAYED and not task.lives_on]
    for task in tasks:
        if task.lives_on:
            yield Reason("tasks", f"{task.id} may live on {task.lives_on}: {_until(task)}")
    if busy:
        yield Reason("tasks", f"{counted(len(busy), 'task')} at work: {listed(busy)}")
    if ready:
        yield Reason("tasks", f"{counted(len(ready), 'task')} ready, for a free slot: {listed(ready)}")
    if delayed:
        yield Reason("tasks", f"{counted(len(delayed), 'task')} set back, tried again in a moment: {listed(delayed)}")
