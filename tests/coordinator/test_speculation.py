"""A second attempt for a task that takes far longer than its peers."""

from __future__ import annotations

from random import Random

import pytest

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import (
    Broke,
    Command,
    Computed,
    Declined,
    Delivered,
    NodeDown,
    NodeUp,
    Note,
    Reported,
    Start,
    Stop,
    Submitted,
    Tick,
)
from coordinator.core.jobs import Done, Init, LoadValidation
from coordinator.core.model import Attempt
from coordinator.core.pace import Pace
from coordinator.core.policies import RoundRobin
from rpc.errors import FailureKind, RejectReason
from tests.coordinator import runs

NODES = ("a", "b", "c")
STRAGGLER = "r/1/2"


class Race:
    """A run of three shards on three nodes; two of them are done after a second, node c takes longer."""

    def __init__(self, **settings: object) -> None:
        self.dispatcher = Dispatcher(RoundRobin(), Random(0))
        for name in NODES:
            self.at(0.0, NodeUp(runs.node(name), session=1))
        run = runs.run(3, **settings)
        commands = self.at(0.0, Submitted(run))
        for start in starts(commands):
            self.at(0.1, Reported(start, Delivered("", runs.surveyed(int(start.task_id[-1])))))
        self.at(0.2, Computed(LoadValidation("r"), runs.VALIDATION))
        placed = starts(self.at(1.0, Computed(Init("r", (4, 8, 4), "uniform", 1, "float32"), Done())))
        self.first = placed[2]
        for start in placed[:2]:
            self.at(2.0, Reported(start, Delivered(start.id, runs.TRAINED)))

    def at(self, now: float, event: object) -> list[Command]:
        return self.dispatcher.handle(event, now)  # type: ignore[arg-type]

    def second(self) -> Attempt:
        """Wait until the straggler is late; return its second attempt."""
        (second,) = starts(self.at(3.5, Tick()))
        return second

    @property
    def failures(self) -> dict[str, int]:
        return {node.id: node.failed for node in self.dispatcher.pool}


def starts(commands: list[Command]) -> list[Attempt]:
    return [command.attempt for command in commands if isinstance(command, Start)]


def test_a_straggler_is_tried_on_an_idle_node_after_twice_the_median_of_its_peers() -> None:
    race = Race()
    assert starts(race.at(2.9, Tick())) == [], "its peers took a second"
    commands = race.at(3.5, Tick())
    (second,) = starts(commands)
    assert second.task_id == STRAGGLER and second.node_id != race.first.node_id
    (note,) = [command for command in commands if isinstance(command, Note)]
    assert note.kind == "second attempt"
    assert note.message == f"2.5 s on {race.first.node_id}, far longer than its peers: also tried on {second.node_id}"
    assert starts(race.at(9.0, Tick())) == [], "two attempts are enough"


@pytest.mark.parametrize("second_wins", [True, False])
def test_the_first_result_counts_and_the_other_attempt_is_stopped_without_blame(second_wins: bool) -> None:
    race = Race()
    winner, loser = (race.second(), race.first) if second_wins else (race.first, race.second())
    commands = race.at(4.0, Reported(winner, Delivered("w", runs.TRAINED)))
    assert Stop(loser) in commands
    work = race.dispatcher.work["r"]
    assert work.tasks_done == 6
    assert work.retries == 0
    race.at(4.1, Reported(loser, Broke(FailureKind.CANCELLED, "was cancelled")))
    assert race.failures == {"a": 0, "b": 0, "c": 0}
    assert race.dispatcher.pool.free_slots == 3


@pytest.mark.parametrize("kind", [FailureKind.NODE_LOST, FailureKind.INTERNAL])
@pytest.mark.parametrize("first_fails", [True, False])
def test_when_one_attempt_fails_the_other_goes_on_alone(kind: FailureKind, first_fails: bool) -> None:
    race = Race()
    second = race.second()
    failing, other = (race.first, second) if first_fails else (second, race.first)
    assert starts(race.at(3.6, Reported(failing, Broke(kind, "broke")))) == []
    race.at(5.0, Reported(other, Delivered("w", runs.TRAINED)))
    assert race.dispatcher.work["r"].tasks_done == 6


def test_a_node_that_declines_a_second_attempt_is_not_asked_again() -> None:
    race = Race()
    second = race.second()
    assert starts(race.at(3.6, Reported(second, Declined(RejectReason.BUSY)))) == []
    (third,) = starts(race.at(4.5, Tick()))
    assert third.node_id not in (race.first.node_id, second.node_id)


def test_a_lost_node_takes_only_its_own_attempt_with_it() -> None:
    race = Race()
    second = race.second()
    assert starts(race.at(4.0, NodeDown(race.first.node_id, 1, "gone"))) == []
    race.at(5.0, Reported(second, Delivered("w", runs.TRAINED)))
    assert race.dispatcher.work["r"].tasks_done == 6


def test_a_run_may_do_without() -> None:
    race = Race(speculation=False)
    assert starts(race.at(9.0, Tick())) == []


def test_a_task_is_late_after_twice_the_median_and_a_second_once_half_are_done() -> None:
    pace = Pace()
    pace.note(1, 3.0)
    assert pace.limit_s(1, n_open=2) == float("inf")
    pace.note(1, 5.0)
    assert pace.limit_s(1, n_open=2) == 8.0
    assert pace.limit_s(2, n_open=1) == float("inf"), "another round"
    pace.note(2, 0.01)
    assert pace.limit_s(2, n_open=1) == 1.0
