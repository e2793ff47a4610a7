"""Scheduling policies: the choice is that of a full scan, whatever was put and removed before."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from coordinator.core.policies import (
    NUMBERS,
    POLICIES,
    Candidate,
    LoadBalancing,
    Policy,
    RandomChoice,
    RoundRobin,
    load_of,
)

IDS = [f"n{number}" for number in range(12)]
candidates = st.builds(
    Candidate,
    id=st.sampled_from(IDS),
    running=st.integers(0, 3),
    slots=st.integers(1, 4),
    service_s=st.sampled_from([0.0, 0.1, 0.11, 1.0, 30.0]),
)
some_ids = st.frozensets(st.sampled_from(IDS))


def anyone(node_id: str) -> bool:
    return True


class PolicyMachine(RuleBasedStateMachine):
    """Puts, removes and chooses; `expect` says by a full scan which choices are right."""

    policy: Policy

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, Candidate] = {}
        self.last = ""
        self.begin()

    def begin(self) -> None:
        raise NotImplementedError

    def expect(self, fitting: list[Candidate], holder: str | None) -> set[str]:
        raise NotImplementedError

    @rule(node=candidates)
    def put(self, node: Candidate) -> None:
        self.policy.put(node)
        self.known[node.id] = node

    @rule(node_id=st.sampled_from(IDS))
    def remove(self, node_id: str) -> None:
        self.policy.remove(node_id)
        self.known.pop(node_id, None)

    @rule(unfit=some_ids, holder=st.sampled_from([None, *IDS]), seed=st.integers(0, 9))
    def choose(self, unfit: frozenset[str], holder: str | None, seed: int) -> None:
        fitting = [node for node in self.known.values() if node.id not in unfit]
        chosen = self.policy.choose(lambda node_id: node_id not in unfit, holder, Random(seed))
        if fitting:
            assert chosen in self.expect(fitting, holder)
            self.last = chosen or ""
        else:
            assert chosen is None


class RandomChoiceMachine(PolicyMachine):
    def begin(self) -> None:
        self.policy = RandomChoice()

    def expect(self, fitting: list[Candidate], holder: str | None) -> set[str]:
        return {node.id for node in fitting}


class RoundRobinMachine(PolicyMachine):
    def begin(self) -> None:
        self.policy = RoundRobin()

    def expect(self, fitting: list[Candidate], holder: str | None) -> set[str]:
        ids = sorted(node.id for node in fitting)
        return {ids[bisect_right(ids, self.last) % len(ids)]}


class LoadBalancingMachine(PolicyMachine):
    def begin(self) -> None:
        self.policy = LoadBalancing()

    def expect(self, fitting: list[Candidate], holder: str | None) -> set[str]:
        least = min(load_of(node) for node in fitting)
        ties = sorted(node.id for node in fitting if load_of(node) == least)
        return {holder if holder in ties else ties[0]}


TestRandomChoice = RandomChoiceMachine.TestCase
TestRoundRobin = RoundRobinMachine.TestCase
TestLoadBalancing = LoadBalancingMachine.TestCase
for case in (TestRandomChoice, TestRoundRobin, TestLoadBalancing):
    case.settings = settings(max_examples=40)


def test_random_is_uniform_over_the_nodes_that_fit() -> None:
    policy, rng = RandomChoice(), Random(0)
    for node_id in IDS:
        policy.put(Candidate(node_id))
    fitting = set(IDS[::2])
    counts = Counter(policy.choose(fitting.__contains__, None, rng) for _ in range(6000))
    assert counts.keys() == fitting
    assert all(abs(count - 1000) < 5 * math.sqrt(1000) for count in counts.values())


def test_round_robin_takes_each_node_in_turn_and_skips_those_that_do_not_fit() -> None:
    policy, rng = RoundRobin(), Random(0)
    for node_id in ["c", "a", "b"]:
        policy.put(Candidate(node_id))
    assert [policy.choose(anyone, None, rng) for _ in range(4)] == ["a", "b", "c", "a"]
    assert policy.choose(lambda node_id: node_id != "b", None, rng) == "c"


def test_load_balancing_prefers_free_then_fast_then_near_nodes() -> None:
    policy, rng = LoadBalancing(), Random(0)
    policy.put(Candidate("busy", running=1, slots=2, service_s=0.1))
    policy.put(Candidate("slow", slots=2, service_s=9.0))
    policy.put(Candidate("fast", slots=2, service_s=1.0))
    policy.put(Candidate("faster", slots=2, service_s=1.05))
    assert policy.choose(anyone, None, rng) == "fast"
    assert policy.choose(anyone, "faster", rng) == "faster"
    assert policy.choose(lambda node_id: not node_id.startswith("fast"), None, rng) == "slow"


def test_load_balancing_tries_a_node_of_unknown_speed_first() -> None:
    policy = LoadBalancing()
    policy.put(Candidate("known", service_s=0.001))
    policy.put(Candidate("new"))
    assert policy.choose(anyone, None, Random(0)) == "new"


@given(st.lists(candidates, max_size=500))
def test_load_balancing_forgets_what_is_out_of_date(puts: list[Candidate]) -> None:
    policy = LoadBalancing()
    for node in puts:
        policy.put(node)
    assert len(policy._heap) <= 4 * len(IDS) + 64


@pytest.mark.parametrize("make", POLICIES.values())
def test_a_policy_without_nodes_chooses_none(make: Callable[[], Policy]) -> None:
    policy = make()
    policy.remove("unknown")
    assert policy.choose(anyone, None, Random(0)) is None


def test_every_policy_has_its_number() -> None:
    assert [POLICIES[name]().name for name in NUMBERS.values()] == ["random", "load-balancing", "round-robin"]
