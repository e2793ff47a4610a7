"""Which rounds of a run are stored."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coordinator.checkpoints import Checkpoints, Version, model_role, stored_rounds
from rpc.messages import PART_BYTES

VERSION = Version(np.zeros(1, np.float32), None)


def stored_after(keep: int, errors: list[float], settled: set[int]) -> set[int]:
    """The rounds stored after these, where rounds are committed together up to each of `settled`."""
    checkpoints, stored = Checkpoints(keep, {}), set[int]()
    for number, error in enumerate(errors, 1):
        checkpoints.note(number, error, VERSION)
        if number in settled or number == len(errors):
            change = checkpoints.settle()
            assert stored.isdisjoint(change.new) and stored.issuperset(change.dropped)
            stored = stored.difference(change.dropped).union(change.new)
    return stored


@given(
    st.integers(1, 5), st.lists(st.sampled_from([0.1, 0.2, 0.3]), min_size=1, max_size=12), st.sets(st.integers(1, 12))
)
def test_the_last_rounds_and_the_first_best_are_stored_however_they_are_committed(
    keep: int, errors: list[float], settled: set[int]
) -> None:
    n_rounds, best = len(errors), 1 + errors.index(min(errors))
    assert stored_after(keep, errors, settled) == {best, *range(max(1, n_rounds - keep + 1), n_rounds + 1)}


def test_rounds_to_be_done_again_are_not_stored_any_more() -> None:
    checkpoints = Checkpoints(3, {1: 0.1, 4: 0.3, 5: 0.2, 6: 0.4})
    assert checkpoints.go_back(4).dropped == (5, 6)
    assert 4 in checkpoints and 5 not in checkpoints
    checkpoints.note(5, 0.2, VERSION)
    assert checkpoints.settle().dropped == ()


def test_of_a_large_model_only_the_last_of_the_rounds_that_are_committed_together_is_held() -> None:
    checkpoints, large = Checkpoints(2, {1: 0.5}), Version(np.empty(PART_BYTES + 1, np.uint8), None)
    for number, error in enumerate((0.1, 0.2, 0.3), 2):
        checkpoints.note(number, error, large)
    change = checkpoints.settle()
    assert (list(change.new), change.dropped) == ([4], ())
    checkpoints.note(5, 0.4, large)
    assert checkpoints.settle().dropped == (1,)
    assert 4 in checkpoints and 5 in checkpoints and 2 not in checkpoints


def test_after_a_restart_the_best_round_before_it_is_kept() -> None:
    checkpoints = Checkpoints(1, {2: 0.1, 3: 0.2})
    checkpoints.note(4, 0.4, VERSION)
    assert set(checkpoints.settle().dropped) == {3}
    assert 2 in checkpoints and 4 in checkpoints and 3 not in checkpoints


def test_rounds_are_read_from_the_roles_of_files() -> None:
    roles = ["validation", "shard 1", model_role(10), model_role(9), "optimizer@10", "model"]
    assert stored_rounds(roles) == [9, 10]
