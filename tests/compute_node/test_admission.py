"""Slots and the coin of a compute node."""

from __future__ import annotations

from random import Random

import pytest

from compute_node.admission import Admission
from rpc.errors import RejectReason, TaskRejected


def test_a_full_node_declines_and_takes_tasks_again_when_one_has_left() -> None:
    admission = Admission(2, 0.0, 3.0, Random(1))
    assert [admission.enter("random"), admission.enter("random")] == [0.0, 0.0]
    assert admission.load == 1.0
    with pytest.raises(TaskRejected) as caught:
        admission.enter("random")
    assert caught.value.reason is RejectReason.NO_SLOT
    admission.leave()
    admission.enter("random")


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_under_load_balancing_a_node_declines_with_its_load_probability(probability: float) -> None:
    declined = sum(declines(probability, "load-balancing", seed) for seed in range(1000))
    assert declined == pytest.approx(1000 * probability, abs=50)


def test_under_other_policies_a_node_never_declines_for_its_load() -> None:
    assert not any(declines(1.0, policy, seed) for policy in ("random", "round-robin", "") for seed in range(50))


@pytest.mark.parametrize("policy", ["random", "round-robin"])
def test_under_any_policy_a_node_delays_with_its_load_probability(policy: str) -> None:
    waits = [Admission(1, 0.4, 2.5, Random(seed)).enter(policy) for seed in range(1000)]
    assert set(waits) == {0.0, 2.5}
    assert waits.count(2.5) == pytest.approx(400, abs=50)


def test_the_same_seed_gives_the_same_coin() -> None:
    def throws() -> list[bool]:
        rng = Random(7)
        return [declines_with(rng) for _ in range(50)]

    assert throws() == throws()


def declines(probability: float, policy: str, seed: int) -> bool:
    try:
        Admission(1, probability, 3.0, Random(seed)).enter(policy)
    except TaskRejected as rejected:
        assert rejected.reason is RejectReason.BUSY
        return True
    return False


def declines_with(rng: Random) -> bool:
    try:
        Admission(1, 0.5, 3.0, rng).enter("load-balancing")
    except TaskRejected:
        return True
    return False
