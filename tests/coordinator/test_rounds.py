"""A round: what may be fetched, and how many vectors are held on the way to the sum."""

from __future__ import annotations

from random import Random

import pytest

from coordinator.core.rounds import FETCH_WINDOW, Round, RoundFigures
from coordinator.core.workload import Trained
from mlcore.reduction import Addition


def test_only_the_first_few_missing_shards_may_be_fetched() -> None:
    current = Round(1, [1] * 10, 0.0)
    assert [shard for shard in range(10) if current.may_fetch(shard)] == [0, 1, 2, 3]
    current.arrived(0, "a")
    assert [shard for shard in range(10) if current.may_fetch(shard)] == [0, 1, 2, 3, 4]


def test_additions_that_lag_behind_narrow_the_window() -> None:
    current = Round(1, [1] * 10, 0.0)
    additions = [current.arrived(shard, str(shard)) for shard in range(6)]
    assert [addition for addition in additions if addition] == [
        Addition("0", "1", (1, 0)),
        Addition("2", "3", (1, 1)),
        Addition("4", "5", (1, 2)),
    ]
    assert [shard for shard in range(6, 10) if current.may_fetch(shard)] == [6, 7]
    for place, holder in enumerate(["0", "2", "4"]):
        current.added((1, place), holder)
    assert [shard for shard in range(6, 10) if current.may_fetch(shard)] == [6, 7, 8, 9]


def test_deltas_that_are_all_kept_do_not_narrow_it() -> None:
    current = Round(1, [1] * 100, 0.0, at_once=True)
    for shard in range(60):
        assert current.may_fetch(shard)
        assert current.arrived(shard, str(shard)) is None
    assert [shard for shard in range(60, 100) if current.may_fetch(shard)] == [60, 61, 62, 63]


@pytest.mark.parametrize("n_shards", [*range(1, 26), 100, 257])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("additions_are_slow", [False, True])
def test_few_vectors_are_held_on_the_way_to_the_sum(n_shards: int, seed: int, additions_are_slow: bool) -> None:
    rng = Random(seed)
    current = Round(1, [1] * n_shards, 0.0)
    waiting = list(range(n_shards))
    fetching: list[int] = []
    adding: list[Addition] = []
    held = most = 0
    while not current.summands:
        can_fetch = bool(waiting) and current.may_fetch(waiting[0])
        can_add = bool(adding) and not (additions_are_slow and (fetching or can_fetch))
        match rng.choice(["fetch"] * can_fetch + ["arrive"] * bool(fetching) + ["add"] * can_add):
            case "fetch":
                fetching.append(waiting.pop(0))
                continue
            case "arrive":
                shard = fetching.pop(rng.randrange(len(fetching)))
                held += 1
                addition = current.arrived(shard, str(shard))
            case _:
                done = adding.pop(rng.randrange(len(adding)))
                held -= 1
                addition = current.added(done.slot, done.left)
        assert len(fetching) <= FETCH_WINDOW
        most = max(most, held)
        adding += [addition] if addition else []
    assert held == 1
    assert most <= FETCH_WINDOW + n_shards.bit_length()


def test_the_figures_of_a_round_add_up() -> None:
    figures = RoundFigures(2, started_at=1.0)
    for shard in range(2):
        figures.add(Trained(loss=1.5, epochs_run=3, send_s=0.25, compute_s=2.0, receive_s=0.5), shard, now=4.0)
    row = figures.row()
    assert (row.round, row.tasks, row.train_loss, row.epochs_run) == (2, 2, 3.0, 6)
    assert (row.send_s, row.compute_s, row.receive_s) == (0.5, 4.0, 1.0)


def test_the_critical_path_of_a_round_is_the_task_that_came_last() -> None:
    figures = RoundFigures(2, started_at=1.0)
    assert figures.critical is None
    figures.add(Trained(1.5, 3, send_s=0.25, compute_s=2.0, receive_s=0.5, node="b"), 7, now=4.0)
    figures.add(Trained(1.5, 3, send_s=0.25, compute_s=1.0, receive_s=0.5, node="a"), 3, now=5.0)
    assert figures.critical == (3, "a", 2.25, 0.25, 1.0, 0.5)
    figures.left_out = (4,)
    assert figures.critical is None, "it waited for its deadline"


def test_a_round_knows_how_long_its_commit_took() -> None:
    figures = RoundFigures(2, started_at=1.0, seconds=3.0)
    assert figures.row().commit_s is None
    figures.committed(4.25)
    assert figures.row().commit_s == 0.25
