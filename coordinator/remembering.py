"""What of runs is remembered, in the store's terms, and how runs are made from it again."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import replace

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import Note, Submitted
from coordinator.core.model import Work
from coordinator.core.saved import SavedRun
from coordinator.core.training import TrainingRun
from coordinator.core.updates import updates_to_json
from coordinator.recorder import Recorder
from coordinator.round_story import round_story
from coordinator.store.changes import (
    BlobNamed,
    Change,
    RoundCommitted,
    RoundDone,
    ShardSurveyed,
    WorkEnded,
    WorkProgressed,
    WorkStarted,
    WorkSubmitted,
)
from coordinator.store.reading import Reader
from coordinator.store.rows import OpenWork, StoredWork
from coordinator.vectors import RunVectors
from coordinator.views import Clock, run_detail, work_row
from rpc.codec import from_bytes, to_bytes
from rpc.messages import RoundRow, RunDetail, RunSpec, WorkDetail, WorkRow

MODEL, OPTIMIZER = "model", "optimizer"  # roles of files
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

    def submitted(self, run: TrainingRun, at_ms: int, done: Callable[[bool], None]) -> None:
        """A run was handed in; it may begin once this is committed. `done` is told whether its key was used before."""
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
            blobs={"validation": spec.validation.blob, **shards},
        )
        self._recorder.add(change, done=lambda late: done(change in late), at_once=True)

    def surveyed(self, run: TrainingRun) -> None:
        """Its shards are known."""
        now_ms = self._clock.now_ms()
        surveys = (ShardSurveyed(run.id, shard, summary) for shard, summary in enumerate(run.summaries))
        self._recorder.add(WorkStarted(run.id, now_ms), *surveys)

    def round_done(self, work: Work, number: int, vectors: RunVectors, done: Callable[[], None]) -> None:
        """A round was validated: a restart goes on after it."""
        run = work.workload
        assert isinstance(run, TrainingRun)
        self._recorder.keep_vector(work.id, MODEL, vectors.models[number])
        if number in vectors.states:
            self._recorder.keep_vector(work.id, OPTIMIZER, vectors.states[number])
        figures = run.figures[number - 1]

        def committed() -> None:
            done()
            if figures.commit_s is not None:
                self._recorder.add(RoundCommitted(work.id, number, figures.commit_s))

        story = round_story(figures, work.scores.get(number))
        updates = updates_to_json(figures.updates, lambda node: self._class_of(work, node))
        change = RoundDone(work.id, figures.row(), {**story, "updates": updates})
        self._recorder.add(change, done=lambda late: committed(), at_once=run.awaits_commits)
        self._recorder.keep_latest(work.id, lambda: self._progress(work, number))

    def ended(self, work: Work, done: Callable[[], None]) -> None:
        """The work is over; clients may be told once this is committed."""
        run = work.workload
        assert isinstance(run, TrainingRun)
        changes: list[Change] = [
            self._progress(work, run.rounds_done),
            WorkEnded(work.id, work.state, self._clock.ms(work.ended_at), work.reason, work.failure),
            BlobNamed(work.id, OPTIMIZER, ""),
        ]
        if run.sealed is not None:
            changes.append(BlobNamed(work.id, MODEL, run.sealed.blob))
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


def tells_end(note: Note, work: Work) -> bool:
    """Whether a note says that the work is over; a task of it may have failed under the same name a moment before."""
    return work.state.is_final and note.kind == work.state.value and not note.node_id


def open_runs(reader: Reader, clock: Clock) -> Iterator[Submitted]:
    """The runs to go on with, in the order of submission."""
    for found in reader.open_work():
        submitted_at = clock.monotonic(found.work.submitted_ms)
        run = _run_of(found, reader, clock, submitted_at)
        yield Submitted(run, submitted_at, _detail_of(found.work).tasks_by_node)


def stored_row(work: StoredWork) -> WorkRow:
    """A piece of work that has ended, as clients are shown it."""
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
    )


def stored_detail(work: StoredWork, reader: Reader) -> WorkDetail:
    """The same with all that is known of it."""
    rounds = tuple(each.row for each in reader.rounds(work.id))
    return WorkDetail(stored_row(work), replace(_detail_of(work), rounds=rounds))


def _detail_of(work: StoredWork) -> RunDetail:
    text = work.detail.get("run")
    return from_bytes(RunDetail, base64.b64decode(text)) if text else RunDetail()


def _run_of(found: OpenWork, reader: Reader, clock: Clock, submitted_at: float) -> TrainingRun:
    work = found.work
    rounds: tuple[RoundRow, ...] = tuple(each.row for each in reader.rounds(work.id))
    spec = from_bytes(RunSpec, found.spec)
    surveys = reader.surveys(work.id)
    saved = SavedRun(
        tuple(each.summary for each in surveys) if len(surveys) == len(spec.shards) else (),
        rounds,
        found.blobs.get(MODEL, ""),
        found.blobs.get(OPTIMIZER, ""),
        (clock.now_ms() - work.started_ms) / 1000.0 if work.started_ms else 0.0,
    )
    return TrainingRun(work.id, spec, submitted_at, saved)


def first_fence(epoch: int) -> int:
    """Below every fence of this start, above those of earlier ones, at up to a thousand attempts a millisecond."""
    return max(0, epoch - _EPOCHS_BEGIN_MS) << 10
