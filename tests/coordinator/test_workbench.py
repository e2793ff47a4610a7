"""What the coordinator computes on its loop: only what is over within a millisecond."""

import pytest

from coordinator.workbench import is_quick


@pytest.mark.parametrize(
    ("layers", "n_rows", "quick"),
    [
        ((16, 24, 26), 990, True),
        ((16, 24, 26), 1100, False),
        ((16, 512, 26), 100, False),  # many weights
        ((1, 2), 20_000, True),
        ((1, 2), 262_144, False),  # few weights, but 7 ms of passes over the rows
        ((2, 1000), 349, False),
    ],
)
def test_a_validation_is_quick_for_few_rows_of_a_small_model(layers: tuple[int, ...], n_rows: int, quick: bool) -> None:
    assert is_quick(n_rows, layers) is quick
