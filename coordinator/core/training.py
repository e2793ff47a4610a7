"""A training run: survey of the shards, then rounds of local training and averaging.

Federated averaging as in McMahan et al. (2017), algorithm 1.
"""

from __future__ import annotations

from coordinator.core import jobs
from coordinator.core.beginning import first_steps, taken_up
from coordinator.core.ending import end_of, timed_out
from coordinator.core.going_back import go_back
from coordinator.core.planning import claim_of, make_plan, n_tasks
from coordinator.core.rounds import Round, RoundFigures
from coordinator.core.saved import SavedRun
from coordinator.core.starting import start_round, task_of
from coordinator.core.stopping import Stopping
from coordinator.core.summing import go_without, next_sum
from coordinator.core.verifying import VERIFY
from coordinator.core.workload import (
    End,
    Limits,
    Plan,
    Queue,
    Remark,
    Result,
    Step,
    Surveyed,
    SurveyPayload,
    TaskSpec,
    Trained,
    TrainPayload,
    Withdraw,
)
from rpc.errors import FailureKind, TrainerError
from rpc.messages import RunSpec, ShardSummary


class TrainingRun:
    """The state of a run between events. Models are versions: 0 is the start, version r the average of round r.

    Attributes:
        saved: what it started from in this process.
        kept: rounds that are committed: what clients are told of, and where a restart goes on.
        awaits_commits: no round begins before the last one is committed: a restart could not make its bits again.
    """

    def __init__(self, run_id: str, spec: RunSpec, submitted_at: float, saved: SavedRun | None = None) -> None:
        self.id = run_id
        self.spec = spec
        self.kind = VERIFY if spec.verifies else "run"
        self.name = spec.name
        self.limits = Limits(spec.max_attempts, spec.max_node_losses, spec.speculation)
        self.mixed_classes = spec.mixed_classes
        self.awaits_commits = spec.mixed_classes or bool(spec.round_deadline_s)
        self.claim = claim_of(spec)
        self.plan: Plan | None = None
        self.sealed: jobs.Sealed | None = None
        self._deadline = submitted_at + spec.run_timeout_s
        self._started_at = submitted_at
        self._validation: jobs.ValidationInfo | None = None
        self._round: Round | None = None
        self._open_tasks: set[str] = set()
        self._scores: dict[int, jobs.Score] = {}
        self._final: int | None = None
        self._failed: tuple[int, End] | None = None  # a round that cannot be finished, and why
        self._set_out(saved or SavedRun())
        self._summaries = dict(enumerate(self.saved.summaries))
        self._last_round = self.saved.recorded.last_round if self.saved.recorded else spec.rounds

    def _set_out(self, saved: SavedRun) -> None:
        """Go on from here."""
        self.saved = saved
        self.figures = [RoundFigures.of(row) for row in saved.rounds]
        self._judged = self.kept = len(saved.rounds)  # rounds whose validation was looked at, in order
        self._stopping = Stopping(self.spec, saved.rounds)

    @property
    def validation_error(self) -> float | None:
        return self._stopping.error

    @property
    def rounds_done(self) -> int:
        return len(self.figures)

    @property
    def tasks_total(self) -> int:
        return n_tasks(self.spec, self._last_round)

    @property
    def deadline(self) -> float | None:
        of_round = self._round.deadline if self._round is not None else None
        return self._deadline if of_round is None or of_round.at is None else min(self._deadline, of_round.at)

    @property
    def summaries(self) -> tuple[ShardSummary, ...]:
        """What the survey found, in shard order; for a run that is surveyed."""
        return tuple(self._summaries[shard] for shard in range(len(self.spec.shards)))

    def begin(self, now: float) -> list[Step]:
        if self.saved.obstacle:
            return [End(FailureKind.USER_ERROR, self.saved.obstacle)]
        self._started_at = now - self.saved.run_s
        unknown = [shard for shard in range(len(self.spec.shards)) if shard not in self._summaries]
        return [
            jobs.LoadValidation(self.id),
            *(self._queue("survey", 0, shard, SurveyPayload(shard)) for shard in unknown),
        ]

    def on_placed(self, task: TaskSpec, waited_s: float) -> None:
        self._figures_of(task).wait_s += waited_s

    def on_set_back(self, task: TaskSpec, rejected: bool) -> list[Step]:
        self._figures_of(task).set_back(rejected)
        return []

    def may_fetch(self, task: TaskSpec) -> bool:
        return self._round is not None and self._round.may_fetch(task.order[1])

    def on_deadline(self, waiting_for: str, now: float) -> list[Step]:
        if now < self._deadline:
            return self._close_if_late(self._current().at_its_deadline())
        return [timed_out(self.spec, waiting_for)]

    def on_cancel(self, reason: str, now: float) -> list[Step]:
        return [End(FailureKind.CANCELLED, reason)]

    def on_task_failed(self, task: TaskSpec, kind: FailureKind, message: str) -> list[Step]:
        self._open_tasks.discard(task.id)
        end = end_of(self.spec, task, kind, message)
        return [end] if kind is FailureKind.USER_ERROR else self._fail_round(task.order[0], end)

    def on_result(self, task: TaskSpec, holder: str, result: Result, now: float) -> list[Step]:
        self._open_tasks.discard(task.id)
        if isinstance(result, Surveyed):
            self._summaries[task.order[1]] = result.summary
            return self._plan_when_surveyed()
        assert isinstance(result, Trained)
        if self.saved.recorded and (doubt := self.saved.recorded.check(task, result, self.spec.shards)):
            return [doubt]
        current = self._current()
        current.figures.add(result, task.order[1], now)
        if current.deadline is not None:
            current.deadline.arrived(now)
        steps = next_sum(self.id, current, current.arrived(task.order[1], holder))
        return [*steps, *self._close_if_late(current)]

    def on_computed(self, job: jobs.Job, value: jobs.JobValue, now: float) -> list[Step]:
        if self._final is not None and isinstance(job, jobs.Add | jobs.Apply | jobs.Validate):
            return []  # of a round after the last
        if isinstance(value, jobs.Unable):
            if isinstance(job, jobs.Load):
                return self._go_back(value)
            if isinstance(job, jobs.Add | jobs.Apply):
                return self._fail_round(job.round, End(value.kind, f"round {job.round}: {value.message}"))
            return [End(value.kind, value.message)]
        match job, value:
            case jobs.LoadValidation(), jobs.ValidationInfo():
                self._validation = value
                return self._plan_when_surveyed()
            case jobs.Init(), _:
                return self._start_round(1, now)
            case jobs.Load(), _:
                return self._resume(now)
            case jobs.Keep(), _:
                self.kept = job.round
                self.figures[job.round - 1].committed(now)
                return self._start_next(now)
            case jobs.Add(), jobs.Done(seconds):
                current = self._current()
                current.figures.reduce_s += seconds
                return [*next_sum(self.id, current, current.added(job.slot, job.left))]
            case jobs.Apply(), jobs.Done(seconds):
                return self._averaged(job.round, seconds, now)
            case jobs.Validate(), jobs.Score():
                return self._validated(job.round, value, now)
            case jobs.Seal(), jobs.Sealed():
                self.sealed = value
                return [End()]
        raise AssertionError(f"{job} cannot answer {value}")

    def _fail_round(self, number: int, end: End) -> list[Step]:
        """A round cannot be finished. The run fails, unless the round before turns out to be the last one wanted."""
        if number <= self._judged + 1:
            return [end]
        self._failed = self._failed or (number, end)
        return []

    def _plan_when_surveyed(self) -> list[Step]:
        if self._validation is None or len(self._summaries) < len(self.spec.shards):
            return []
        summaries = self.summaries
        try:
            self.plan = make_plan(self.spec, summaries, self._validation)
        except TrainerError as error:
            return [End(FailureKind.USER_ERROR, str(error))]
        return self._begin_rounds()

    def _begin_rounds(self) -> list[Step]:
        assert self.plan is not None
        if self.saved.rounds:
            return [jobs.Load(self.id, self.kept, self.saved.model, self.saved.optimizer)]
        return first_steps(self.id, self.spec, self.plan, self.summaries, is_new=not self.saved.summaries)

    def _go_back(self, found: jobs.Unable) -> list[Step]:
        """The model of the last committed round cannot be read."""
        back = go_back(self.spec, self.saved, found)
        if isinstance(back, End):
            return [back]
        self._set_out(back[0])
        return [back[1], jobs.GoBack(self.id, self.kept), *self._begin_rounds()]

    def _resume(self, now: float) -> list[Step]:
        """Go on after the last committed round, which may be the last of all."""
        number = self.kept
        steps: list[Step] = [taken_up(self.spec, number)]
        is_over = bool(self.spec.max_time_s) and now - self._started_at >= self.spec.max_time_s
        if is_over or number == self._last_round or self._stopping.reason:
            return steps + self._finish(number)
        return steps + self._start_round(number + 1, now)

    def _start_round(self, number: int, now: float) -> list[Step]:
        assert self.plan is not None
        rows = [summary.rows for summary in self.summaries]
        self._round, payloads = start_round(number, self.spec, self.plan, rows, now=now)
        return [self._queue("train", number, payload.shard, payload) for payload in payloads]

    def _close_if_late(self, current: Round) -> list[Step]:
        """Go on without the shards that are missing at the deadline, if enough are in."""
        late = () if self._failed is not None else current.late
        if not late:
            return []
        steps = go_without(self.id, current, late, self.spec.shards)
        self._open_tasks.difference_update(step.task_id for step in steps if isinstance(step, Withdraw))
        return steps

    def _queue(self, kind: str, number: int, shard: int, payload: SurveyPayload | TrainPayload) -> Queue:
        task = task_of(self.id, kind, (number, shard), payload, self.spec.shards[shard].blob)
        self._open_tasks.add(task.id)
        return Queue(self.saved.recorded.repeated(task) if self.saved.recorded else task)

    def _averaged(self, number: int, seconds: float, now: float) -> list[Step]:
        figures = self._current().figures
        figures.reduce_s += seconds
        figures.seconds = now - figures.started_at
        self.figures.append(figures)
        self._round = None
        steps: list[Step] = [jobs.Validate(self.id, number), *([jobs.Discard(self.id, 0)] if number == 1 else [])]
        if self.spec.max_time_s and now - self._started_at >= self.spec.max_time_s and number < self._last_round:
            self._last_round = number
            steps.append(Remark("max time", f"stops after round {number}: --max-time is over", number))
        return steps + self._start_next(now)

    def _start_next(self, now: float) -> list[Step]:
        """Start the next round while this one is validated, but never two ahead: that bounds the models held."""
        done = self.rounds_done
        if self._final is not None or self._round is not None or done >= self._last_round or done - self._judged > 1:
            return []
        return [] if self.awaits_commits and self.kept < done else self._start_round(done + 1, now)

    def _validated(self, number: int, score: jobs.Score, now: float) -> list[Step]:
        self._scores[number] = score
        steps: list[Step] = []
        while self._final is None and self._judged + 1 in self._scores:
            self._judged += 1
            steps += self._judge(self._judged, self._scores.pop(self._judged))
        return steps if self._final is not None else steps + self._start_next(now)

    def _judge(self, number: int, score: jobs.Score) -> list[Step]:
        figures = self.figures[number - 1]
        figures.validation_error, figures.validation_loss = score.error, score.loss
        figures.validate_s = score.seconds
        self._stopping.note(number, score.error)
        keep = jobs.Keep(self.id, number)
        steps: list[Step] = [Remark("round done", f"validation error {score.error:.4f}", number), keep]
        stop = self._stopping.reason
        if stop:
            steps.append(Remark("stopping", stop, number))
        if stop or number == self._last_round:
            return steps + self._finish(number)
        if self._failed is not None and self._failed[0] == number + 1:
            return [*steps, self._failed[1]]
        # Version `number - 1` has served: round `number` is averaged, so nobody starts from it any more.
        return steps + ([jobs.Discard(self.id, number - 1)] if number > 1 else [])

    def _finish(self, number: int) -> list[Step]:
        """Seal version `number`; what runs of later rounds is no longer wanted."""
        self._final = self._last_round = number
        del self.figures[number:]
        withdrawn: list[Step] = [Withdraw(task_id) for task_id in sorted(self._open_tasks)]
        self._open_tasks.clear()
        return [*withdrawn, jobs.Seal(self.id, number)]

    def _current(self) -> Round:
        assert self._round is not None, "a result outside a round"
        return self._round

    def _figures_of(self, task: TaskSpec) -> RoundFigures:
        """The figures of the task's round; of the survey, and of a round that is over, nobody asks for them."""
        current = self._round
        return current.figures if current and current.number == task.order[0] else RoundFigures(0, 0.0)
