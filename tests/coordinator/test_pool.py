"""The pool of nodes: sessions, leases, slots and quarantine."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.model import Node, NodeState
from coordinator.core.node_facts import NO_TASKS
from coordinator.core.policies import LoadBalancing
from coordinator.core.pool import NodePool, PoolSettings
from tests.coordinator.runs import attempt, node

SETTINGS = PoolSettings(lease_s=10.0, blames=3, quarantine_s=30.0, quarantine_max_s=100.0)


def pool() -> NodePool:
    return NodePool(LoadBalancing(), SETTINGS)


def blame_into_quarantine(nodes: NodePool, found: Node, now: float) -> None:
    while not nodes.blame(found, "it fails", now):
        pass


def test_a_node_is_found_under_its_present_session_only() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 2, 0.0)
    assert nodes.get("a", 2) is found
    assert nodes.get("a", 1) is None
    nodes.down(found, "reset")
    assert nodes.get("a", 2) is None
    assert nodes.current("a") is found


def test_a_slot_is_free_again_once() -> None:
    nodes = pool()
    found = nodes.up(node("a", slots=2), 1, 0.0)
    nodes.occupy(found, attempt("1/0", 5, "a"))
    assert nodes.free_slots == 1
    for _ in range(2):
        nodes.vacate(attempt("1/0", 5, "a"))
        assert nodes.free_slots == 2


def test_the_slots_of_an_earlier_session_are_not_those_of_the_present_one() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    nodes.occupy(found, attempt("1/0", 5, "a"))
    nodes.down(found, "reset")
    assert nodes.free_slots == 0
    nodes.up(node("a"), 2, 1.0)
    nodes.occupy(found, attempt("1/0", 6, "a", session=2))
    nodes.vacate(attempt("1/0", 6, "a", session=1))
    assert nodes.free_slots == 0


def test_a_lease_lasts_from_beat_to_beat() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    nodes.beat(found, 5.0, {}, {})
    assert nodes.expired(5.0) == nodes.expired(10.0) == nodes.expired(15.0) == []
    assert nodes.expired(15.1) == [found]


def test_a_lease_does_not_run_while_the_coordinator_stands_still() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    assert nodes.expired(1.0) == []
    assert nodes.expired(100.0) == []
    assert nodes.expired(105.0) == nodes.expired(108.9) == []
    assert nodes.expired(109.1) == [found]


def test_three_failures_in_a_row_mean_quarantine_and_a_success_forgives() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    assert [nodes.blame(found, "it fails", 1.0) for _ in range(2)] == [False, False]
    nodes.praise(found, attempt("1/0", 9, "a"), 0.5)
    assert [nodes.blame(found, "it fails", 1.0) for _ in range(3)] == [False, False, True]
    assert (found.state, nodes.free_slots) == (NodeState.QUARANTINED, 0)
    assert found.reason == "it fails; tried again in 30 s"


def test_after_its_quarantine_a_node_gets_one_task_until_one_succeeds() -> None:
    nodes = pool()
    found = nodes.up(node("a", slots=3), 1, 0.0)
    blame_into_quarantine(nodes, found, 0.0)
    assert nodes.readmit(29.0) == []
    assert nodes.readmit(30.0) == [found]
    assert nodes.free_slots == 1
    nodes.praise(found, attempt("1/0", 9, "a"), 0.5)
    assert nodes.free_slots == 3


def test_each_further_quarantine_is_longer_up_to_a_limit() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    spans, now = [], 0.0
    for _ in range(4):
        blame_into_quarantine(nodes, found, now)
        spans.append(found.until - now)
        now = found.until
        nodes.readmit(now)
    assert spans == [30.0, 60.0, 100.0, 100.0]


def test_connecting_anew_does_not_end_a_quarantine() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    blame_into_quarantine(nodes, found, 0.0)
    nodes.down(found, "reset")
    assert nodes.up(node("a"), 2, 1.0).state is NodeState.QUARANTINED
    assert nodes.readmit(30.0) == [found]


def test_the_service_time_is_smoothed() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    nodes.praise(found, attempt("1/0", 9, "a"), 1.0)
    nodes.praise(found, attempt("1/0", 9, "a"), 2.0)
    assert found.service_s == 1.2


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["up", "down", "run", "end", "blame", "praise", "wait"]))
    )
)
def test_the_count_of_free_slots_is_always_right(steps: list[tuple[str, str]]) -> None:
    nodes, now = pool(), 0.0
    for number, (name, step) in enumerate(steps):
        found = nodes.current(name)
        if found is None or step == "up":
            found = nodes.up(node(name, slots=2), number, now)
        match step:
            case "down":
                nodes.down(found, "reset")
            case "run" if nodes.choose(name.__eq__, None, Random(0)):
                nodes.occupy(found, attempt("1/0", number, name, found.session))
            case "end" if found.running:
                nodes.vacate(next(iter(found.running.values())))
            case "blame":
                nodes.blame(found, "it fails", now)
            case "praise":
                nodes.praise(found, attempt("1/0", 9, "a"), 1.0)
            case "wait":
                now += 20.0
                nodes.readmit(now)
        assert nodes.free_slots == sum(max(0, each.free_slots) for each in nodes)
        assert all(len(each.running) <= each.info.slots for each in nodes)


def test_a_quarantine_of_before_a_restart_holds_when_the_node_comes_back_and_says_why() -> None:
    nodes = pool()
    nodes.recall("a", NO_TASKS, until=50.0, reason="its answers are not finite")
    assert nodes.quarantine("a") == (50.0, "its answers are not finite")
    found = nodes.up(node("a"), 1, 10.0)
    assert (found.state, found.until, found.reason) == (NodeState.QUARANTINED, 50.0, "its answers are not finite")
    assert nodes.free_slots == 0
    assert nodes.readmit(51.0) == [found] and found.on_probation


def test_a_quarantine_of_before_a_restart_can_be_ended_before_the_node_comes_back() -> None:
    nodes = pool()
    nodes.recall("a", NO_TASKS, until=50.0, reason="its answers are not finite")
    assert nodes.pardon("a") and not nodes.pardon("a")
    assert nodes.up(node("a"), 1, 10.0).state is NodeState.READY


def test_a_quarantine_that_ends_while_the_node_is_away_leaves_it_on_probation() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    blame_into_quarantine(nodes, found, 0.0)
    nodes.down(found, "reset")
    assert nodes.quarantine("a").reason == "it fails; tried again in 30 s", "not what ended the connection"
    assert nodes.up(node("a"), 2, 40.0).on_probation and found.state is NodeState.READY


def test_of_a_node_that_says_ever_more_names_so_many_are_kept() -> None:
    nodes = pool()
    found = nodes.up(node("a"), 1, 0.0)
    for number in range(3000):
        nodes.beat(found, 1.0, {f"float32/{number}": "c"}, {f"label{number}": "x", "first": str(number)})
    assert max(len(found.labels), len(found.classes)) <= 256
    assert found.labels["first"] == "2999", "what is known is still told anew"
