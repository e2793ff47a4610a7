"""How a round with a robust aggregation starts and is completed."""

from __future__ import annotations

from typing import Any

import pytest

from coordinator.core.planning import make_plan
from coordinator.core.rounds import Round
from coordinator.core.starting import start_round
from tests.coordinator.runs import LARGE, VALIDATION, spec, surveyed


def new_round(**settings: Any) -> tuple[Round, list[int]]:
    asked, summaries = spec(3, **settings), [surveyed(shard).summary for shard in range(3)]
    plan = make_plan(asked, summaries, VALIDATION)
    current, payloads = start_round(1, asked, plan, [100, 101, 102], now=0.0)
    return current, [payload.weight for payload in payloads]


@pytest.mark.parametrize("hidden", [(8,), LARGE], ids=["small", "large"])
def test_a_median_gets_the_deltas_that_are_in_at_the_deadline_in_shard_order(hidden: tuple[int, ...]) -> None:
    current, weights = new_round(aggregation="median", hidden=hidden, round_deadline_s=5.0)
    assert weights == [1, 1, 1]
    assert current.arrived(2, "c") is None
    assert current.arrived(0, "a") is None
    assert not current.summands
    assert current.leave_out(1) is None
    assert (current.summands, current.divisor) == (("a", "c"), 1)
