"""What a policy saw: the nodes in the order in which it prefers them, when they are asked for, and on their way."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.events import Broke, Declined, NodeUp, Reported, SetBack, Start, Submitted
from coordinator.core.policies import Candidate, LoadBalancing, Policy, RandomChoice, RoundRobin
from coordinator.core.scores import Scores
from rpc.errors import FailureKind, RejectReason
from tests.coordinator.runs import node, run
from tests.coordinator.test_dispatcher import dispatcher_with

BUSY = st.lists(st.integers(0, 3), min_size=1, max_size=8)


@pytest.mark.parametrize("make", [LoadBalancing, RoundRobin])
@given(busy=BUSY, n=st.integers(1, 5), chosen_before=st.integers(0, 3))
def test_the_first_is_the_one_that_is_chosen(
    make: Callable[[], Policy], busy: list[int], n: int, chosen_before: int
) -> None:
    policy = make()
    for index, running in enumerate(busy):
        policy.put(Candidate(f"n{index}", running, slots=4))
    for _ in range(chosen_before):
        policy.choose(lambda node_id: True, None, Random(0))
    first = policy.first(n, lambda node_id: node_id != "n0")
    assert first == policy.first(n, lambda node_id: node_id != "n0"), "asking changes nothing"
    assert len(first) == len(set(first)) == min(n, len(busy) - 1)
    assert policy.choose(lambda node_id: node_id != "n0", None, Random(0)) == (first[0] if first else None)


def test_to_a_random_choice_all_nodes_are_alike() -> None:
    policy = RandomChoice()
    for name in "abc":
        policy.put(Candidate(name))
    assert policy.first(2, lambda node_id: node_id != "a") == ["b", "c"]


def test_scores_become_plain_types_and_come_back() -> None:
    scores = Scores("load-balancing", 3, 2, (Candidate("a", 1, 2, 0.25), Candidate("b")))
    assert Scores.of(scores.as_json()) == scores


def test_the_first_task_of_a_round_is_scored_and_each_that_was_set_back() -> None:
    dispatcher = dispatcher_with("a", "b")
    dispatcher.handle(Submitted(run(3)), 0.0)
    work = dispatcher.work["r"]
    assert [each.id for each in work.scores[0].best] == ["a", "b"] and work.scores[0].free_slots == 2
    task = work.tasks["r/0/0"]
    assert task.attempt is not None and task.scores is None
    dispatcher.handle(Reported(task.attempt, Broke(FailureKind.INTERNAL, "it broke")), 1.0)
    dispatcher.handle(NodeUp(node("c"), 1), 9.0)
    assert task.scores is not None and [each.id for each in task.scores.best] == ["c"]


def test_a_set_back_tells_its_class_its_cause_and_the_scores() -> None:
    dispatcher = dispatcher_with("a", "b")
    starts = [each for each in dispatcher.handle(Submitted(run(1)), 0.0) if isinstance(each, Start)]
    declined = Reported(starts[0].attempt, Declined(RejectReason.BUSY, "busy with probability 0.4"))
    out = dispatcher.handle(declined, 1.0)
    (told,) = (each for each in out if isinstance(each, SetBack))
    assert (told.cause, told.message, told.rejected) == ("busy", "busy with probability 0.4", True)
    assert told.scores is not None and [each.id for each in told.scores.best] == ["a", "b"]
    (again,) = (each for each in out if isinstance(each, Start))
    out = dispatcher.handle(Reported(again.attempt, Broke(FailureKind.TIMEOUT, "no answer in 3 s")), 2.0)
    (told,) = (each for each in out if isinstance(each, SetBack))
    assert (told.cause, told.rejected, told.attempt.node_id) == ("timeout", False, "b")
