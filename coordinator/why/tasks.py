"""Why a task waits, is where it is, or was tried again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from coordinator.branching import stored_spec
from coordinator.core.model import TaskState, WorkState
from coordinator.core.scripting import ScriptJob
from coordinator.core.updates import updates_from_json
from coordinator.round_story import left_out
from coordinator.store.changes import RoundDone
from coordinator.store.failures import StoreDown
from coordinator.store.reading import Reader
from coordinator.why.history import not_told, one_by_one
from coordinator.why.now import TaskNow, WorkNow
from coordinator.why.rounds import round_reasons
from coordinator.why.waiting import waiting
from coordinator.why.words import counted, listed, seen_by_policy
from mlcore.participation import participants
from rpc.errors import BadRequest, NotFound
from rpc.messages import Reason, RunSpec, Why
from rpc.nearest import unknown

_SHOWN = 100  # attempts
_DIGITS = 9  # no run has more rounds or shards
_BROKEN_OFF = {WorkState.FAILED: "failed", WorkState.CANCELLED: "was cancelled"}
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
    if len(numbers) != 2 or not all(number.isdecimal() and len(number) <= _DIGITS for number in numbers):
        raise BadRequest(f"{task_id!r} is not RUN/ROUND/SHARD, as in run-7/3/0 (round 0 is the survey, shards from 0)")
    return work_id, int(numbers[0]), int(numbers[1])


def why_task(task_id: str, now: WorkNow | None, reader: Reader, store_fault: str) -> Why:
    """Return the answer; on a thread. `now` is of the task's work, where the dispatcher knows it.

    Raises:
        NotFound: there is no such task.
    """
    task_id = "{}/{}/{}".format(*parts_of(task_id))
    task = next((task for task in now.tasks if task.id == task_id), None) if now is not None else None
    if task is None or now is None:
        return _over(task_id, now, reader)
    try:
        before = tuple(one_by_one(reader.attempts(now.row.id, task=task_id, limit=_SHOWN)))
    except StoreDown as error:
        before = (not_told(error),)
    answer = _answer(task, is_job=now.row.kind == ScriptJob.kind)
    return Why("task", task_id, task.state.value, answer, (*_now(task, now, store_fault), *before))


def _over(task_id: str, now: WorkNow | None, reader: Reader) -> Why:
    """The answer about a task that is not open."""
    work_id, number, shard = parts_of(task_id)
    stored = reader.work(work_id)
    if stored is None:
        raise unknown("run or job", work_id, (each.id for each in reader.work_page()))
    if stored.kind == ScriptJob.kind:
        return _job_over(task_id, reader)
    _check(task_id, stored_spec(stored, reader))
    done = reader.rounds(work_id, after=number - 1, up_to=number)
    reasons = tuple(chain.from_iterable(map(round_reasons, done)))
    if any(shard in left_out(each.detail) for each in done):
        answer = f"{task_id} was left out: round {number} ended at its deadline without it."
        return Why("task", task_id, "left out", answer, reasons)
    before = tuple(one_by_one(reader.attempts(work_id, task=task_id, limit=_SHOWN)))
    if not before and not done:
        raise _no_task(task_id, now)
    tried = counted(len(before), "attempt")
    if stored.state in _BROKEN_OFF and not done and not _is_surveyed(task_id, reader):
        told = f"is over with its run, which {_BROKEN_OFF[stored.state]}; {tried} did not succeed"
    else:
        again = f"; {tried} before the last did not succeed" if before else " at the first attempt"
        told = f"is done{_by(done, shard)}{again}"
    return Why("task", task_id, "over", f"{task_id} {told}.", (*before, *reasons))


def _job_over(task_id: str, reader: Reader) -> Why:
    """The answer about the only task of a job, which is over."""
    work_id, *place = parts_of(task_id)
    if place != [0, 0]:
        raise NotFound(f"no task is called {task_id!r}; {work_id} is a job, which has one: {work_id}/0/0")
    before = tuple(one_by_one(reader.attempts(work_id, task=task_id, limit=_SHOWN)))
    return Why("task", task_id, "over", f"{task_id} is over; `client.py why job {work_id}` tells how.", before)


def _by(done: Sequence[RoundDone], shard: int) -> str:
    """Which node gave the update of a shard, where that was written down."""
    given = [updates_from_json(each.detail["updates"]).get(shard) for each in done if "updates" in each.detail]
    return "".join(f" by {update.node}" for update in given if update is not None)


def _check(task_id: str, spec: RunSpec) -> None:
    """Refuse what the run never had.

    Raises:
        NotFound: it has no such round or shard, or the shard takes no part in the round.
    """
    work_id, number, shard = parts_of(task_id)
    first, n_shards = spec.parent_round + 1 if spec.parent else 0, len(spec.shards)
    if not first <= number <= spec.rounds:
        raise NotFound(f"no task is called {task_id!r}; {work_id} has the rounds {first} to {spec.rounds}")
    if shard >= n_shards:
        raise NotFound(f"no task is called {task_id!r}; {work_id} has the shards 0 to {n_shards - 1}")
    if number and shard not in participants(n_shards, spec.fraction, spec.seed, number):
        raise NotFound(f"no task is called {task_id!r}; round {number} is one without that shard (--fraction)")


def _is_surveyed(task_id: str, reader: Reader) -> bool:
    work_id, number, shard = parts_of(task_id)
    return number == 0 and any(each.shard == shard for each in reader.surveys(work_id))


def _no_task(task_id: str, now: WorkNow | None) -> NotFound:
    """The error for a task that its run does not have, or not yet."""
    if now is not None and now.tasks:
        return unknown("task", task_id, (task.id for task in now.tasks))
    return NotFound(f"nothing is known of task {task_id!r}: its round was not reached, or all went well in the survey")


def _answer(task: TaskNow, *, is_job: bool) -> str:
    where = f" on {task.node}" if task.node else ""
    again = f", attempt {task.tries}" if task.tries > 1 else ""
    what = f"shard {task.shard + 1} of round {task.round}" if task.round else f"the survey of shard {task.shard + 1}"
    what = "the job's only one" if is_job else what
    return f"{task.id} ({what}) {_STATES[task.state]}{where}{again}."


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
