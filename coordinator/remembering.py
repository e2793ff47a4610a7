"""What of runs is remembered, in the store's terms, and how runs are made from it again."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from coordinator.array_rows import stored_members
from coordinator.checkpoints import Change as CheckpointChange
from coordinator.checkpoints import Checkpoints, Version, model_role, optimizer_role, stored_rounds
from coordinator.core.arrays import ScriptArray
from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import Note, Submitted
from coordinator.core.model import Work, WorkState
from coordinator.core.saved import Past, SavedRun, StoredRound
from coordinator.core.scripting import ScriptJob
from coordinator.core.training import TrainingRun
from coordinator.core.updates import updates_to_json
from coordinator.file_lists import with_shared_files
from coordinator.job_rows import job_detail, stored_job
from coordinator.recorder import Recorder
from coordinator.round_story import round_story
from coordinator.store.changes import (
    BlobNamed,
    Change,
    RoundCommitted,
    RoundDone,
    RoundsUndone,
    ShardSurveyed,
    WorkEnded,
    WorkProgressed,
    WorkRested,
    WorkStarted,
    WorkSubmitted,
)
from coordinator.store.reading import Reader
from coordinator.store.rows import OpenWork, StoredWork
from coordinator.vectors import RunVectors
from coordinator.verification import recorded_of
from coordinator.views import Clock, run_detail, work_row
from rpc.codec import from_bytes, to_bytes
from rpc.errors import BadRequest
from rpc.messages import RunDetail, RunSpec, WorkDetail, WorkRow

MODEL = "model"  # role of the file of a completed run's model
_EPOCHS_BEGIN_MS = 1_767_225_600_000  # 2026


class Remembering:
    """Everything is called on the loop's thread, and committed behind it."""

    def __init__(
        self, recorder: Recorder, dispatcher: Dispatcher, clock: Clock, traffic: Callable[[str], tuple[int, int]]
    ) -> None:
        """`traffic` gives the bytes sent and received for a work so far."""
        self._recorder = recorder
        self._dispatcher = dispatcher
        self._clock = clock
        self._traffic = traffic
        self.n_rounds = 0  # since the start
        self._checkpoints: dict[str, Checkpoints] = {}  # by open run that has a round

    def submitted(self, run: TrainingRun, at_ms: int, done: Callable[[bool], None]) -> None:
        """A run was handed in; it may begin once this is committed. `done` is told whether its key was used before.

        Raises:
            BadRequest: it branches from a round that is not stored any more.
        """
        self._check_parent(run.spec)
        spec = run.spec
        shards = {f"shard {number}": file.blob for number, file in enumerate(spec.shards)}
        change = WorkSubmitted(
            run.id,
            run.kind,
            run.name,
            to_bytes(spec),
            at_ms,
            owner=spec.owner,
            key=spec.key,
            priority=spec.priority,
            select=spec.select,
            rounds=spec.rounds,
            tasks_total=run.tasks_total,
            deadline_ms=at_ms + round(1000 * spec.run_timeout_s),
            blobs={"validation": spec.validation.blob, **shards, **_start_of(run)},
            parent=spec.parent,
            parent_round=spec.parent_round,
        )
        self._recorder.add(change, done=lambda late: done(change in late), at_once=True)

    def stands(self, work: Work, state: WorkState) -> None:
        """It runs, or no node has it any more, so that it is pending again."""
        runs = state is WorkState.RUNNING
        self._recorder.add(WorkStarted(work.id, self._clock.ms(work.started_at)) if runs else WorkRested(work.id))

    def surveyed(self, run: TrainingRun) -> None:
        """Its shards are known."""
        self._recorder.add(*(ShardSurveyed(run.id, shard, summary) for shard, summary in enumerate(run.summaries)))

    def round_done(self, work: Work, number: int, vectors: RunVectors, done: Callable[[], None]) -> None:
        """A round was validated: a restart goes on after it."""
        run = work.workload
        assert isinstance(run, TrainingRun)
        figures = run.figures[number - 1]
        self.n_rounds += 1
        checkpoints = self._checkpoints.get(work.id)
        if checkpoints is None:
            stored = (run.spec.parent_round,) if run.spec.parent else ()
            checkpoints = self._checkpoints[work.id] = _checkpoints(run, stored)
        version = Version(vectors.models[number], vectors.states.get(number))
        checkpoints.note(number, figures.validation_error, version)

        def committed() -> None:
            done()
            if figures.commit_s is not None:
                self._recorder.add(RoundCommitted(work.id, number, figures.commit_s))

        story = round_story(figures, work.scores.get(number))
        updates = updates_to_json(figures.take_updates(), lambda node: self._class_of(work, node))
        change = RoundDone(work.id, figures.row(), {**story, "updates": updates})
        self._recorder.keep_latest(
            work.id,
            lambda: (self._progress(work, number), *self._settled(work.id, checkpoints)),
            n_bytes=version.model.nbytes,
        )
        self._recorder.add(change, done=lambda late: committed(), at_once=run.awaits_commits)

    def went_back(self, run: TrainingRun) -> None:
        """Its newest model cannot be read: a restart, too, goes on where the run does now."""
        change = self._checkpoints[run.id].go_back(run.kept)
        self._recorder.add(RoundsUndone(run.id, run.kept), *_dropped(run.id, change), at_once=True)

    def ended(self, work: Work, done: Callable[[], None]) -> None:
        """The work is over; clients may be told once this is committed."""
        run = work.workload
        assert isinstance(run, TrainingRun)
        changes: list[Change] = [
            self._progress(work, run.rounds_done),
            WorkEnded(work.id, work.state, self._clock.ms(work.ended_at), work.reason, work.failure),
        ]
        self._checkpoints.pop(work.id, None)
        if run.sealed is not None:
            changes.insert(0, BlobNamed(work.id, MODEL, run.sealed.blob))
        self._recorder.add(*changes, done=lambda late: done(), at_once=True)

    def _class_of(self, work: Work, node_id: str) -> str:
        """The numeric class in which a node has worked for a run."""
        if work.numeric_class is not None:
            return work.numeric_class
        node = self._dispatcher.pool.current(node_id)
        return node.classes.get(work.claim.class_key, "") if node is not None else ""

    def _progress(self, work: Work, number: int) -> WorkProgressed:
        row = work_row(self._dispatcher, work, self._clock)
        text = base64.b64encode(to_bytes(run_detail(work, self._traffic(work.id)))).decode()
        return WorkProgressed(
            work.id, number, row.rounds, row.tasks_done, row.tasks_total, row.validation_error, {"run": text}
        )

    def open_runs(self, reader: Reader) -> Iterator[tuple[Submitted, tuple[int, int]]]:
        """The runs to go on with, in the order of submission, with the bytes sent and received for each."""
        for found in reader.open_work():
            if found.work.kind in (ScriptJob.kind, ScriptArray.kind):
                continue
            at = self._clock.monotonic(found.work.submitted_ms)
            run, detail = _run_of(found, self._clock, at, reader), _detail_of(found.work)
            if run.saved.rounds:
                self._recorder.take_up(run.id, found.blobs)
                self._checkpoints[run.id] = _checkpoints(run, stored_rounds(found.blobs))
            started_at = self._clock.monotonic(found.work.started_ms) if found.work.started_ms else None
            yield Submitted(run, at, _past_of(detail, started_at)), (detail.bytes_sent, detail.bytes_received)

    def _settled(self, run_id: str, checkpoints: Checkpoints) -> Iterator[Change]:
        """Have the rounds stored that are to be kept now; yield what drops the others."""
        change = checkpoints.settle()
        for number, version in change.new.items():
            self._recorder.keep_vector(run_id, model_role(number), version.model)
            if version.optimizer is not None:
                self._recorder.keep_vector(run_id, optimizer_role(number), version.optimizer)
        yield from _dropped(run_id, change)

    def _check_parent(self, spec: RunSpec) -> None:
        """What is stored when this is asked is stored until the submission is: they are committed in this order."""
        parent = self._checkpoints.get(spec.parent)
        if parent is not None and spec.parent_round not in parent:
            raise BadRequest(
                f"round {spec.parent_round} of {spec.parent} was dropped a moment ago; --keep-checkpoints keeps more"
            )


def _dropped(run_id: str, change: CheckpointChange) -> Iterator[BlobNamed]:
    """What drops the rounds that need not be stored any longer."""
    for number in change.dropped:
        yield BlobNamed(run_id, model_role(number), "")
        yield BlobNamed(run_id, optimizer_role(number), "")


def tells_end(note: Note, work: Work) -> bool:
    """Whether a note says that the work is over; a task of it may have failed under the same name a moment before."""
    return work.state.is_final and note.kind == work.state.value and not note.node_id


def stored_row(work: StoredWork) -> WorkRow:
    """A piece of work that has ended, as clients are shown it."""
    job = stored_job(work) if work.kind == ScriptJob.kind else None
    return WorkRow(
        id=work.id,
        kind=work.kind,
        name=work.name,
        state=work.state.value,
        reason=work.reason,
        failure=work.failure,
        round=work.round,
        rounds=work.rounds,
        tasks_done=work.tasks_done,
        tasks_total=work.tasks_total,
        validation_error=work.validation_error,
        submitted_ms=work.submitted_ms,
        started_ms=work.started_ms,
        ended_ms=work.ended_ms,
        owner=work.owner,
        number=work.number,
        usage=job.usage if job else None,
        result=job.result if job else "",
        array_id=work.array_id,
        array_index=work.array_index,
        members=stored_members(work),
    )


def stored_detail(work: StoredWork, reader: Reader, *, after: int = 0) -> WorkDetail:
    """The same with all that is known of it; of the rounds those after this one."""
    if work.kind in (ScriptJob.kind, ScriptArray.kind):
        return WorkDetail(stored_row(work), job=job_detail(work, reader))
    rounds = tuple(each.row for each in reader.rounds(work.id, after=after))
    return WorkDetail(stored_row(work), replace(_detail_of(work), rounds=rounds))


def _detail_of(work: StoredWork) -> RunDetail:
    text = work.detail.get("run")
    return from_bytes(RunDetail, base64.b64decode(text)) if text else RunDetail()


def _past_of(detail: RunDetail, started_at: float | None) -> Past:
    classes = tuple(filter(None, detail.numeric_class.split(",")))
    return Past(detail.tasks_by_node, detail.rejections, detail.retries, classes, started_at)


def _run_of(found: OpenWork, clock: Clock, submitted_at: float, reader: Reader) -> TrainingRun:
    work = found.work
    spec = with_shared_files(from_bytes(RunSpec, found.spec))
    newest, recorded, obstacle = _stored_round(found, len(found.rounds)), None, ""
    try:
        recorded = recorded_of(spec, reader) if spec.verifies else None
    except BadRequest as error:  # what it compares with has gone: that ends this run, and nothing else
        obstacle = str(error)
    saved = SavedRun(
        found.summaries if len(found.summaries) == len(spec.shards) else (),
        found.rounds,
        newest.model,
        newest.optimizer,
        (clock.now_ms() - work.started_ms) / 1000.0 if work.started_ms else 0.0,
        recorded,
        tuple(_stored_round(found, number) for number in stored_rounds(found.blobs) if number < newest.round),
        obstacle,
    )
    return TrainingRun(work.id, spec, submitted_at, saved)


def _stored_round(found: OpenWork, number: int) -> StoredRound:
    return StoredRound(number, found.blobs.get(model_role(number), ""), found.blobs.get(optimizer_role(number), ""))


def _start_of(run: TrainingRun) -> dict[str, str]:
    """The files that a branch starts from, by role."""
    number = run.spec.parent_round
    names = {model_role(number): run.saved.model, optimizer_role(number): run.saved.optimizer}
    return {role: name for role, name in names.items() if name}


def _checkpoints(run: TrainingRun, stored: Iterable[int]) -> Checkpoints:
    """Those of a run that has so many stored, which are among the rounds that it started with."""
    return Checkpoints(
        run.spec.keep_checkpoints, {number: run.saved.rounds[number - 1].validation_error for number in stored}
    )


def first_fence(epoch: int) -> int:
    """Below every fence of this start, above those of earlier ones, at up to a thousand attempts a millisecond."""
    return max(0, epoch - _EPOCHS_BEGIN_MS) << 10
