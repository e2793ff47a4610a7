"""The simulator itself: it passes on the shipped core, repeats itself, and finds what is planted."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.simulation import trainer
from tests.simulation.__main__ import main, simulate
from tests.simulation.coverage import IMPOSSIBLE, POSSIBLE, WANTED, Strikes, too_rare
from tests.simulation.job_schedule import make_job_schedule
from tests.simulation.job_simulation import JobSimulation
from tests.simulation.mutants.planting import PATCHES, copy_of_the_core, find
from tests.simulation.mutants.planting import simulate as simulate_in
from tests.simulation.schedule import RunPlan, make_schedule


def test_every_schedule_ends_as_it_must() -> None:
    totals = simulate(1, range(75))
    assert totals.failed is None, f"schedule {totals.failed} of series 1: {totals.flaw}"
    assert totals.schedules == 75
    assert totals.outcomes["completed"] > 37


def test_script_jobs_share_nodes_with_a_run_and_all_end_as_they_must() -> None:
    ends: Counter[str] = Counter()
    for number in range(50):
        simulation = JobSimulation(make_job_schedule(2, number))
        simulation.run()
        ends.update(simulation.outcomes)
        assert simulation.rounds_done == simulation.schedule.rounds
    assert set(ends) == {"job completed", "job failed", "job cancelled"}


def test_the_same_schedule_has_the_same_trace() -> None:
    one: list[str] = []
    other: list[str] = []
    simulate(1, range(7, 8), one.append)
    simulate(1, range(7, 8), other.append)
    assert one and one == other


def test_a_planted_bug_is_found_and_its_replay_tells_the_same() -> None:
    (patch,) = [patch for patch in PATCHES if patch.stem == "slot_leaked"]
    found = find(patch, 100)
    assert found is not None
    with copy_of_the_core(patch) as folder:
        replays = [simulate_in(folder, "1", "--first", str(found.schedule), "--verbose") for _ in range(2)]
    assert [replay.returncode for replay in replays] == [1, 1]
    assert found.flaw in replays[0].stdout
    assert replays[0].stdout == replays[1].stdout


def test_a_patch_that_merely_breaks_the_code_is_no_planted_bug_that_is_found(tmp_path: Path) -> None:
    (good,) = [patch for patch in PATCHES if patch.stem == "slot_leaked"]
    broken = tmp_path / "broken.patch"
    gone = "-            self._pool.vacate(attempt)\n"
    assert gone in good.read_text()
    broken.write_text(good.read_text().replace(",4 @@", ",5 @@").replace(gone, f"{gone}+            vacate(attempt)\n"))
    with pytest.raises(ValueError, match=r"broken\.patch breaks the code, and no promise of it: .*NameError"):
        find(broken, 100)


def test_a_short_series_prints_its_table_and_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["3", "--processes", "1"]) == 0
    printed = capsys.readouterr().out
    assert "lost reply" in printed and "3 schedules" in printed


def test_a_pair_that_is_too_rare_is_named() -> None:
    strikes = Strikes(dict.fromkeys(POSSIBLE, WANTED))
    assert too_rare(strikes) == []
    strikes[POSSIBLE[0]] -= 1
    assert too_rare(strikes) == ["kill x ready: 9"]
    assert not set(IMPOSSIBLE) & set(POSSIBLE)


def test_a_lost_doubled_or_swapped_shard_changes_the_model() -> None:
    run = _run_of_some_shards()
    model = trainer.expected(run.spec, run.rows).versions[1]
    first, second, *rest = [
        trainer.delta(trainer.start_model(run.spec.seed), run.spec.seed, (1, shard), weight)
        for shard, weight in enumerate(run.rows if run.spec.weighting == "rows" else [1] * len(run.rows))
    ]
    for changed in ([second, *rest], [first, first, second, *rest], [first, rest[0], second, *rest[1:]]):
        assert trainer.average(trainer.start_model(run.spec.seed), _pairwise(changed), 1) != model
    divisor = sum(run.rows) if run.spec.weighting == "rows" else len(run.rows)
    total = _pairwise([first, second, *rest])
    assert trainer.average(trainer.start_model(run.spec.seed), total, divisor) == model


def _run_of_some_shards() -> RunPlan:
    runs = (make_schedule(1, number).runs[0] for number in range(100))
    return next(run for run in runs if len(run.rows) == 8 and run.spec.aggregation == "mean")


def _pairwise(values: list[int]) -> int:
    if len(values) == 1:
        return values[0]
    half = 1 << ((len(values) - 1).bit_length() - 1)
    return trainer.add(_pairwise(values[:half]), _pairwise(values[half:]))
