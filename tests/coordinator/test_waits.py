"""Waits: told when they last, and when they are over."""

from __future__ import annotations

from coordinator.core.events import NodeUp, Note, Submitted, Tick
from tests.coordinator.runs import node, run
from tests.coordinator.test_dispatcher import dispatcher_with


def told(commands: list[object]) -> list[tuple[str, str]]:
    return [(each.kind, each.message) for each in commands if isinstance(each, Note) and each.work_id]


def test_a_wait_that_lasts_is_told_once_and_its_end_too() -> None:
    dispatcher = dispatcher_with()
    dispatcher.handle(Submitted(run()), 0.0)
    notes = [told([*dispatcher.handle(Tick(), float(now))]) for now in range(1, 5)]
    assert notes == [[("waiting", "for a compute node: none is connected")], [], [], []]
    assert told([*dispatcher.handle(NodeUp(node("a"), 1), 6.0)]) == [
        ("went on", "after 6 s of waiting for a compute node: none is connected"),
        ("running", ""),
    ]


def test_a_wait_that_is_over_at_the_next_look_is_not_told() -> None:
    dispatcher = dispatcher_with()
    dispatcher.handle(Submitted(run()), 0.0)
    dispatcher.handle(NodeUp(node("a"), 1), 0.1)
    assert told([*dispatcher.handle(Tick(), 1.0), *dispatcher.handle(Tick(), 2.0)]) == []


def test_each_of_many_works_is_looked_at_in_turn() -> None:
    dispatcher = dispatcher_with()
    for number in range(20):
        workload = run()
        workload.id = f"r{number}"
        dispatcher.handle(Submitted(workload), 0.0)
    notes = [note for now in range(1, 9) for note in told([*dispatcher.handle(Tick(), float(now))])]
    assert len(notes) == 20
