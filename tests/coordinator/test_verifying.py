"""A verification compares updates, and finds out who gave a wrong one."""

from __future__ import annotations

from coordinator.core.updates import Update
from coordinator.core.verifying import Recorded, sample
from coordinator.core.workload import End, Plan, Queue, TaskSpec, Trained, TrainPayload
from rpc.errors import FailureKind
from rpc.messages import DataFile, TrainSettings

FILES = (DataFile("train_x1.txt", "blob", 1),)
PLACE = (2, 0)
PAYLOAD = TrainPayload(2, 0, 10, 10, Plan(TrainSettings(layers=(1, 2)), threads=1))
TASK = TaskSpec("v/2/0", "v", "train", PLACE, PAYLOAD)


def recorded() -> Recorded:
    return Recorded("r", "avx2", {PLACE: Update(1, "a")}, frozenset({PLACE}))


def trained(digest: int, node: str) -> Trained:
    return Trained(0.0, 1, digest=digest, node=node)


def verdict(second: Trained, third: Trained) -> str:
    run = recorded()
    again = run.check(TASK, second, FILES)
    assert isinstance(again, Queue)
    assert set(again.task.avoid) == {"a", second.node}
    end = run.check(again.task, third, FILES)
    assert isinstance(end, End) and end.failure is FailureKind.BAD_UPDATE
    assert end.reason.startswith("MISMATCH in round 2, shard train_x1.txt: ")
    return end.reason


def test_an_equal_update_passes_and_is_sought_elsewhere_than_on_its_node() -> None:
    run = recorded()
    task = run.repeated(TASK)
    assert task.avoid == ("a",)
    assert isinstance(task.payload, TrainPayload) and task.payload.is_fresh
    assert run.check(task, trained(1, "b"), FILES) is None


def test_two_nodes_that_agree_outvote_the_third() -> None:
    assert ": node a gave 0000000000000001; b and c compute " in verdict(trained(2, "b"), trained(2, "c"))
    assert ": node b gave 0000000000000002 in the verification; a and c " in verdict(trained(2, "b"), trained(1, "c"))


def test_without_a_third_node_nobody_is_found_wrong() -> None:
    assert "no third node" in verdict(trained(2, "b"), trained(2, "b"))


def test_a_sample_is_a_share_of_all_and_the_same_for_its_seed() -> None:
    places = [(number, shard) for number in range(1, 11) for shard in range(10)]
    assert len(sample(places, 0.1, seed=1)) == 10
    assert sample(places, 0.1, seed=1) == sample(reversed(places), 0.1, seed=1)
    assert sample(places, 0.1, seed=1) != sample(places, 0.1, seed=2)
    assert len(sample(places, 0.0001, seed=1)) == 1
    assert sample(places, 1.0, seed=1) == frozenset(places)
