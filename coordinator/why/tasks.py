"""Why a task waits, is where it is, or was tried again."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from coordinator.core.model import TaskState
from coordinator.store.failures import StoreDown
from coordinator.store.reading import Reader
from coordinator.why.history import not_told, one_by_one
from coordinator.why.nearest import unknown
from coordinator.why.now import TaskNow, WorkNow
from coordinator.why.rounds import round_reasons
from coordinator.why.waiting import waiting
from coordinator.why.words import counted, listed, seen_by_policy
from rpc.errors import BadRequest, NotFound
from rpc.messages import Reason, Why

_SHOWN = 100  # attempts
_STATES = {
    TaskState.READY: "waits for a free slot",
    TaskState.DELAYED: "was set back and is tried again in a moment",
    TaskState.HELD: "is done; its result waits on the node until it is its turn to be added",
    TaskState.PLACED: "runs",
    TaskState.FETCHING: "is done; its result is being fetched",
}


def parts_of(task_id: str) -> tuple[str, int, int]:
    """Return run, round and shard (from 0) of a task.

    Raises:
        BadRequest: it is no id of a task.
    """
    work_id, *numbers = task_id.rsplit("/", 2)
    if len(numbers) != 2 or not all(number.isdecimal() for number in numbers):
        raise BadRequest(f"{task_id!r} is not RUN/ROUND/SHARD, as in run-7/3/0 (round 0 is the survey, shards from 0)")
    return work_id, int(numbers[0]), int(numbers[1])


def why_task(task_id: str, now: WorkNow | None, reader: Reader, store_fault: str) -> Why:
    """Return the answer; on a thread. `now` is of the task's work, where the dispatcher knows it.

    Raises:
        NotFound: there is no such task.
    """
    task = next((task for task in now.tasks if task.id == task_id), None) if now is not None else None
    if task is None or now is None:
        return _over(task_id, now, reader)
    try:
        before = tuple(one_by_one(reader.attempts(now.row.id, task=task_id, limit=_SHOWN)))
    except StoreDown as error:
        before = (not_told(error),)
    return Why("task", task_id, task.state.value, _answer(task), (*_now(task, now, store_fault), *before))


def _over(task_id: str, now: WorkNow | None, reader: Reader) -> Why:
    work_id, number, _ = parts_of(task_id)
    if now is None and reader.work(work_id) is None:
        raise unknown("run", work_id, (each.id for each in reader.work_page()))
    before = tuple(one_by_one(reader.attempts(work_id, task=task_id, limit=_SHOWN)))
    done = reader.rounds(work_id, after=number - 1, up_to=number)
    if not before and not done:
        raise _no_task(task_id, now)
    tried = (
        f"; {counted(len(before), 'attempt')} before the last did not succeed" if before else ", at the first attempt"
    )
    reasons = (*before, *chain.from_iterable(map(round_reasons, done)))
    return Why("task", task_id, "over", f"{task_id} is over{tried}.", reasons)


def _no_task(task_id: str, now: WorkNow | None) -> NotFound:
    """The error for a task that its run does not have, or not yet."""
    if now is not None and now.tasks:
        return unknown("task", task_id, (task.id for task in now.tasks))
    return NotFound(f"nothing is known of task {task_id!r}: its round was not reached, or all went well in the survey")


def _answer(task: TaskNow) -> str:
    where = f" on {task.node}" if task.node else ""
    again = f", attempt {task.tries}" if task.tries > 1 else ""
    return f"{task.id} (shard {task.shard + 1} of round {task.round}) {_STATES[task.state]}{where}{again}."


def _now(task: TaskNow, now: WorkNow, store_fault: str) -> Iterator[Reason]:
    if task.state in (TaskState.READY, TaskState.DELAYED):
        yield Reason("waiting", "it is ready since then", task.since_ms)
        if task.declined_by:
            yield Reason("waiting", f"declined by {listed(task.declined_by)}; asked again when all have")
        yield from waiting(now, store_fault)
    else:
        yield Reason("placement", f"it was placed on {task.node}", task.since_ms)
        if task.scores is not None:
            moment = "then" if task.tries > 1 else "at the first task of its round"
            yield Reason("placement", f"{moment} {seen_by_policy(task.scores)}")
