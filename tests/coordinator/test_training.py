"""A training run: from the survey over rounds to the sealed model, told in steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from coordinator.core import jobs
from coordinator.core.saved import SavedRun, StoredRound
from coordinator.core.training import TrainingRun
from coordinator.core.workload import End, Queue, Remark, Step, TaskSpec, TrainPayload, Withdraw
from mlcore.aggregation import Aggregation
from mlcore.participation import participants
from rpc.errors import FailureKind
from tests.coordinator.runs import LARGE, TRAINED, VALIDATION, run, spec, surveyed

DONE = jobs.Done()


def queued(steps: Sequence[Step]) -> list[TaskSpec]:
    return [step.task for step in steps if isinstance(step, Queue)]


def silent(steps: Sequence[Step]) -> list[Step]:
    """The steps without remarks and what is only remembered."""
    return [step for step in steps if not isinstance(step, Remark | jobs.KeepPlan | jobs.Keep)]


def planned(n_shards: int = 2, **settings: Any) -> tuple[TrainingRun, list[TaskSpec]]:
    """A run that was surveyed and started round 1, and the tasks of that round."""
    work = run(n_shards, **settings)
    surveys = queued(work.begin(0.0))
    work.on_computed(jobs.LoadValidation("r"), VALIDATION, 0.0)
    for task in surveys:
        steps = work.on_result(task, "", surveyed(task.order[1]), 0.0)
    (init,) = silent(steps)
    assert isinstance(init, jobs.Init)
    return work, queued(work.on_computed(init, DONE, 0.0))


def train_round(work: TrainingRun, tasks: Sequence[TaskSpec], now: float = 1.0) -> list[Step]:
    """Deliver the deltas of a round of two shards and apply their sum; return what follows."""
    left, right = tasks
    assert work.on_result(left, "a", TRAINED, now) == []
    (apply,) = work.on_result(right, "b", TRAINED, now)
    assert isinstance(apply, jobs.Apply) and apply.holders == ("a", "b")
    return work.on_computed(apply, DONE, now)


def judge(work: TrainingRun, number: int, error: float) -> list[Step]:
    return work.on_computed(jobs.Validate("r", number), jobs.Score(error, loss=1.0), 2.0)


def test_a_run_begins_with_a_survey_of_every_shard() -> None:
    steps = run(3).begin(0.0)
    assert steps[0] == jobs.LoadValidation("r")
    assert [(task.id, task.kind, task.data) for task in queued(steps)] == [
        ("r/0/0", "survey", "blob0"),
        ("r/0/1", "survey", "blob1"),
        ("r/0/2", "survey", "blob2"),
    ]


@pytest.mark.parametrize(("weighting", "weights"), [("rows", [100, 101]), ("uniform", [1, 1])])
def test_tasks_carry_the_weight_of_their_shard(weighting: str, weights: list[int]) -> None:
    _, tasks = planned(weighting=weighting)
    payloads = [task.payload for task in tasks]
    assert [payload.weight for payload in payloads if isinstance(payload, TrainPayload)] == weights
    assert [task.class_key for task in tasks] == ["float32/1", "float32/1"]


@pytest.mark.parametrize(("weighting", "divisor"), [("rows", 201), ("uniform", 2)])
def test_the_sum_is_divided_once_by_all_weights(weighting: str, divisor: int) -> None:
    work, (left, right) = planned(weighting=weighting)
    work.on_result(right, "b", TRAINED, 1.0)
    assert work.on_result(left, "a", TRAINED, 1.0) == [jobs.Apply("r", 1, ("a", "b"), divisor)]


def test_a_fraction_of_the_shards_takes_part_and_alone_counts() -> None:
    work, tasks = planned(8, fraction=0.3, rounds=2)
    shards = participants(8, 0.3, seed=1, number=1)
    assert [task.order[1] for task in tasks] == shards and len(shards) == 3
    assert work.tasks_total == 8 + 2 * 3
    steps: list[Step] = []
    for task in tasks:
        steps += work.on_result(task, f"v{task.order[1]}", TRAINED, 1.0)
    while isinstance(steps[-1], jobs.Add):
        steps += work.on_computed(steps[-1], DONE, 1.0)
    apply = steps[-1]
    assert isinstance(apply, jobs.Apply)
    assert apply.divisor == sum(100 + shard for shard in shards)


def test_large_deltas_are_added_as_they_come() -> None:
    work, (left, right) = planned(hidden=LARGE)
    work.on_result(right, "b", TRAINED, 1.0)
    add = jobs.Add("r", 1, "a", "b", (1, 0))
    assert work.on_result(left, "a", TRAINED, 1.0) == [add]
    assert work.on_computed(add, DONE, 1.0) == [jobs.Apply("r", 1, ("a",), 201)]


@pytest.mark.parametrize("hidden", [(8,), LARGE], ids=["small", "large"])
def test_a_median_takes_all_deltas_at_once_each_as_much_as_the_others(hidden: tuple[int, ...]) -> None:
    work, tasks = planned(3, hidden=hidden, aggregation="median")
    payloads = [task.payload for task in tasks]
    assert [payload.weight for payload in payloads if isinstance(payload, TrainPayload)] == [1, 1, 1]
    assert work.on_result(tasks[2], "c", TRAINED, 1.0) == []
    assert work.on_result(tasks[0], "a", TRAINED, 1.0) == []
    apply = jobs.Apply("r", 1, ("a", "b", "c"), 1, Aggregation("median"))
    assert work.on_result(tasks[1], "b", TRAINED, 1.0) == [apply]


def test_a_run_that_keeps_all_deltas_says_how_much_that_is() -> None:
    work = run(3, aggregation="trimmed", hidden=(1000,))
    surveys = queued(work.begin(0.0))
    work.on_computed(jobs.LoadValidation("r"), VALIDATION, 0.0)
    for task in surveys:
        steps = work.on_result(task, "", surveyed(task.order[1]), 0.0)
    remarks = [step.message for step in steps if isinstance(step, Remark) and step.kind == "aggregation"]
    assert remarks == ["trimmed keeps all deltas of a round at the coordinator: 3 of 0.036 MB"]


def test_a_run_of_one_round_is_validated_and_sealed() -> None:
    work, tasks = planned()
    assert silent(train_round(work, tasks)) == [jobs.Validate("r", 1), jobs.Discard("r", 0)]
    assert silent(judge(work, 1, 0.25)) == [jobs.Seal("r", 1)]
    sealed = jobs.Sealed("blob", "sha", 8)
    assert work.on_computed(jobs.Seal("r", 1), sealed, 3.0) == [End()]
    assert (work.sealed, work.validation_error, work.rounds_done) == (sealed, 0.25, 1)


def test_the_next_round_starts_while_this_one_is_validated_but_not_the_one_after() -> None:
    work, tasks = planned(rounds=3)
    second = queued(train_round(work, tasks))
    assert [task.id for task in second] == ["r/2/0", "r/2/1"]
    assert queued(train_round(work, second)) == []
    assert [task.id for task in queued(judge(work, 1, 0.5))] == ["r/3/0", "r/3/1"]


def test_a_model_is_discarded_when_nobody_starts_from_it_any_more() -> None:
    work, tasks = planned(rounds=3)
    second = queued(train_round(work, tasks))
    train_round(work, second)
    assert not any(isinstance(step, jobs.Discard) for step in judge(work, 1, 0.5))
    assert jobs.Discard("r", 1) in judge(work, 2, 0.5)


def test_scores_that_come_out_of_order_are_judged_in_order() -> None:
    work, tasks = planned(rounds=2, target_error=0.3)
    train_round(work, queued(train_round(work, tasks)))
    assert silent(judge(work, 2, 0.2)) == []
    assert silent(judge(work, 1, 0.1)) == [jobs.Seal("r", 1)]


def test_a_run_ends_at_the_first_round_that_meets_the_target() -> None:
    work, tasks = planned(rounds=5, target_error=0.3)
    train_round(work, tasks)
    steps = judge(work, 1, 0.3)
    assert silent(steps) == [Withdraw("r/2/0"), Withdraw("r/2/1"), jobs.Seal("r", 1)]
    assert work.rounds_done == 1


def test_a_round_that_fails_does_not_matter_when_the_one_before_turns_out_to_be_the_last() -> None:
    work, tasks = planned(rounds=5, target_error=0.3)
    second, _ = queued(train_round(work, tasks))
    assert work.on_task_failed(second, FailureKind.DIVERGED, "loss is nan") == []
    assert silent(judge(work, 1, 0.3)) == [Withdraw("r/2/1"), jobs.Seal("r", 1)]


def test_a_round_that_fails_ends_the_run_once_the_one_before_is_judged() -> None:
    work, tasks = planned(rounds=5, target_error=0.3)
    second, _ = queued(train_round(work, tasks))
    assert work.on_task_failed(second, FailureKind.DIVERGED, "loss is nan") == []
    (end,) = silent(judge(work, 1, 0.4))
    assert isinstance(end, End) and end.failure is FailureKind.DIVERGED and "round 2" in end.reason


def test_a_run_ends_when_patience_is_over() -> None:
    work, tasks = planned(rounds=5, patience=1)
    second = queued(train_round(work, tasks))
    judge(work, 1, 0.3)
    train_round(work, second)
    assert jobs.Seal("r", 2) in judge(work, 2, 0.3)


def test_max_time_ends_the_run_after_the_round_under_way() -> None:
    work, tasks = planned(rounds=5, max_time_s=10.0)
    steps = train_round(work, tasks, now=10.0)
    assert queued(steps) == []
    assert [step.kind for step in steps if isinstance(step, Remark)] == ["max time"]
    assert jobs.Seal("r", 1) in judge(work, 1, 0.9)


def test_what_becomes_of_rounds_after_the_last_does_not_matter() -> None:
    work, tasks = planned(rounds=2, target_error=0.3)
    train_round(work, tasks)
    judge(work, 1, 0.3)
    assert work.on_computed(jobs.Add("r", 2, "c", "d", (1, 0)), DONE, 2.0) == []
    not_finite = jobs.Unable(FailureKind.DIVERGED, "the average is not finite")
    assert work.on_computed(jobs.Apply("r", 2, ("c", "d"), 201), not_finite, 2.0) == []


def test_a_model_that_is_not_finite_fails_the_run_and_names_the_round() -> None:
    work, _ = planned()
    unable = jobs.Unable(FailureKind.DIVERGED, "the average is not finite")
    assert work.on_computed(jobs.Apply("r", 1, ("a", "b"), 201), unable, 1.0) == [
        End(FailureKind.DIVERGED, "round 1: the average is not finite")
    ]


def resumed(
    n_rounds: int, n_kept: int, *, older: tuple[StoredRound, ...] = (), **settings: Any
) -> tuple[TrainingRun, list[Step]]:
    """A run of which some rounds were committed before a restart, and what it does once its data is loaded."""
    before, tasks = planned(rounds=n_rounds, **settings)
    for number in range(1, n_kept + 1):
        tasks = queued(train_round(before, tasks))
        judge(before, number, 0.5)
    rows = tuple(figures.row() for figures in before.figures)
    saved = SavedRun(before.summaries, rows, model="sha256:m", older=older)
    work = TrainingRun("r", spec(2, rounds=n_rounds, **settings), submitted_at=0.0, saved=saved)
    assert work.begin(10.0) == [jobs.LoadValidation("r")]
    assert work.on_computed(jobs.LoadValidation("r"), VALIDATION, 10.0) == [jobs.Load("r", n_kept, "sha256:m", "")]
    return work, work.on_computed(jobs.Load("r", n_kept, "sha256:m", ""), DONE, 10.0)


DAMAGED = jobs.Unable(FailureKind.MISSING_BLOB, "m: was damaged")


def damaged(older: tuple[StoredRound, ...], *, n_kept: int = 4, **settings: Any) -> tuple[TrainingRun, list[Step]]:
    """A run of 6 rounds whose newest model cannot be read after a restart, and what it does."""
    work, _ = resumed(6, n_kept, older=older, **settings)
    return work, work.on_computed(jobs.Load("r", n_kept, "sha256:m", ""), DAMAGED, 10.0)


def test_a_run_whose_newest_model_is_damaged_goes_back_to_the_newest_older_one() -> None:
    older = (StoredRound(1, "sha256:1"), StoredRound(2, "sha256:2", "sha256:s"))
    work, (told, *steps) = damaged(older)
    text = "the model of round 4 cannot be read (m: was damaged); back to round 2, rounds 3 to 4 are trained again"
    assert told == Remark("damaged", text, 2)
    load = jobs.Load("r", 2, "sha256:2", "sha256:s")
    assert steps == [jobs.GoBack("r", 2), load]
    assert (work.rounds_done, work.kept) == (2, 2)
    steps = work.on_computed(load, DONE, 11.0)
    assert [task.id for task in queued(steps)] == ["r/3/0", "r/3/1"]
    train_round(work, queued(steps))
    assert jobs.Keep("r", 3) in judge(work, 3, 0.4)


def test_a_run_goes_back_over_all_that_is_damaged_to_its_start() -> None:
    work, steps = damaged((StoredRound(1, "sha256:1"),), n_kept=2)
    assert jobs.Load("r", 1, "sha256:1", "") in steps
    told, *steps = work.on_computed(jobs.Load("r", 1, "sha256:1", ""), DAMAGED, 11.0)
    assert isinstance(told, Remark) and told.message.endswith("back to the start, round 1 is trained again")
    init = jobs.Init("r", (4, 8, 4), "uniform", 1, "float32")
    assert steps[0] == jobs.GoBack("r", 0) and init in steps
    assert (work.rounds_done, work.kept, work.validation_error) == (0, 0, None)
    assert [task.id for task in queued(work.on_computed(init, DONE, 12.0))] == ["r/1/0", "r/1/1"]


def test_a_run_forgets_what_it_judged_of_rounds_that_are_trained_again() -> None:
    work, _ = damaged((StoredRound(1, "sha256:1"),), n_kept=3, patience=3)
    steps = work.on_computed(jobs.Load("r", 1, "sha256:1", ""), DONE, 11.0)
    train_round(work, queued(steps))
    assert not [step for step in judge(work, 2, 0.5) if isinstance(step, jobs.Seal)], "one bad round is not three"


def test_a_run_that_depends_on_the_clock_says_that_it_may_come_out_otherwise() -> None:
    _, (told, *_) = damaged((), n_kept=1, mixed_classes=True)
    assert isinstance(told, Remark) and told.message.endswith("trained again, and may come out otherwise")


def test_a_branch_whose_beginning_is_damaged_fails_and_says_what_cannot_be_read() -> None:
    _, steps = damaged((), n_kept=2, parent="run-1", parent_round=2)
    reason = "the model of round 2 of run-1, where the branch begins, cannot be read: m: was damaged"
    assert steps == [End(FailureKind.MISSING_BLOB, reason)]


def test_a_branch_goes_back_to_where_it_began() -> None:
    _, steps = damaged((StoredRound(2, "sha256:2"),), n_kept=4, parent="run-1", parent_round=2)
    assert jobs.Load("r", 2, "sha256:2", "") in steps


def test_a_run_that_lacks_memory_for_its_model_does_not_go_back() -> None:
    work, _ = resumed(6, 2, older=(StoredRound(1, "sha256:1"),))
    full = jobs.Unable(FailureKind.OUT_OF_MEMORY, "no memory")
    (end,) = work.on_computed(jobs.Load("r", 2, "sha256:m", ""), full, 10.0)
    assert isinstance(end, End) and end.failure is FailureKind.OUT_OF_MEMORY


def test_a_run_that_cannot_go_on_ends_when_its_turn_comes() -> None:
    saved = SavedRun(obstacle="no digests are stored")
    work = TrainingRun("r", spec(2), submitted_at=0.0, saved=saved)
    assert work.begin(1.0) == [End(FailureKind.USER_ERROR, "no digests are stored")]


def test_a_validated_round_is_kept_and_counts_once_it_is_committed() -> None:
    work, tasks = planned(rounds=3)
    train_round(work, tasks)
    assert jobs.Keep("r", 1) in judge(work, 1, 0.5) and work.kept == 0
    work.on_computed(jobs.Keep("r", 1), DONE, 3.0)
    assert work.kept == 1


def test_a_run_goes_on_after_its_last_committed_round() -> None:
    work, steps = resumed(n_rounds=4, n_kept=2)
    assert [task.id for task in queued(steps)] == ["r/3/0", "r/3/1"]
    assert (work.rounds_done, work.kept, work.validation_error) == (2, 2, 0.5)
    train_round(work, queued(steps))
    assert jobs.Keep("r", 3) in judge(work, 3, 0.4)


def test_a_resumed_round_is_divided_as_before() -> None:
    work, steps = resumed(n_rounds=3, n_kept=1)
    left, right = queued(steps)
    work.on_result(left, "a", TRAINED, 11.0)
    assert work.on_result(right, "b", TRAINED, 11.0) == [jobs.Apply("r", 2, ("a", "b"), 201)]


def test_a_run_whose_last_round_was_committed_is_only_sealed() -> None:
    assert silent(resumed(n_rounds=2, n_kept=2)[1]) == [jobs.Seal("r", 2)]


def test_a_run_that_had_met_its_target_is_only_sealed() -> None:
    assert silent(resumed(n_rounds=9, n_kept=1, target_error=0.5)[1]) == [jobs.Seal("r", 1)]


def test_a_run_of_mixed_classes_waits_for_the_commit_before_the_next_round() -> None:
    work, tasks = planned(rounds=3, mixed_classes=True)
    assert queued(train_round(work, tasks)) == []
    assert queued(judge(work, 1, 0.5)) == []
    assert [task.id for task in queued(work.on_computed(jobs.Keep("r", 1), DONE, 3.0))] == ["r/2/0", "r/2/1"]


def test_files_that_do_not_fit_together_fail_the_run_before_any_training() -> None:
    work = run(2)
    surveys = queued(work.begin(0.0))
    work.on_result(surveys[0], "", surveyed(0), 0.0)
    work.on_result(surveys[1], "", surveyed(1, columns=5), 0.0)
    (end,) = work.on_computed(jobs.LoadValidation("r"), VALIDATION, 0.0)
    assert isinstance(end, End) and end.failure is FailureKind.USER_ERROR
    assert "train_x1.txt" in end.reason


def test_a_task_that_failed_for_good_fails_the_run_and_names_round_and_shard() -> None:
    work, (task, _) = planned(eta=0.5)
    assert work.on_task_failed(task, FailureKind.DIVERGED, "loss is nan") == [
        End(FailureKind.DIVERGED, "round 1, shard train_x0.txt: training diverged with eta 0.5 (loss is nan)")
    ]
    assert work.on_task_failed(task, FailureKind.USER_ERROR, "train_x0.txt:3: ragged") == [
        End(FailureKind.USER_ERROR, "train_x0.txt:3: ragged")
    ]


def test_a_timeout_says_what_the_run_waited_for() -> None:
    work = run(run_timeout_s=60.0)
    assert work.deadline == 60.0
    (slow,) = work.on_deadline("", 60.0)
    (starved,) = work.on_deadline("a compute node: none is connected", 60.0)
    assert isinstance(slow, End) and slow.failure is FailureKind.TIMEOUT
    assert isinstance(starved, End) and starved.failure is FailureKind.NO_CAPACITY
    assert "none is connected" in starved.reason
