"""Work whose connection has ended goes on: its result is kept, and whoever asks again joins it."""

from __future__ import annotations

from dataclasses import replace

from rpc.client import Client
from rpc.errors import Cancelled, Stale, Unreachable
from rpc.messages import TrainTask
from tests.compute_node.conftest import StartNode
from tests.compute_node.running import HeldTrainer, RunningNode, Training, task, wait_idle
from tests.rpc.running import PATIENCE_S

AGAIN = replace(task("r/1/0#2"), fence=2)


def orphan(node: RunningNode, trainer: HeldTrainer, wanted: TrainTask) -> None:
    """Have a task run on the node whose connection has ended."""
    slot = node.client()
    training = Training(slot, wanted)
    trainer.begun.get(timeout=PATIENCE_S)
    slot.close()
    training.wait()
    assert isinstance(training.error, Unreachable)


def end(training: Training, control: Client, trainer: HeldTrainer) -> None:
    trainer.may_end.set()
    training.wait()
    wait_idle(control)


def test_a_result_whose_connection_has_ended_is_kept_and_given_to_the_next_start_of_the_coordinator(
    start_node: StartNode, trainer: HeldTrainer
) -> None:
    node = start_node()
    control = node.client("control")
    orphan(node, trainer, task())
    assert node.kept(epoch=2) == ("r/1/0",), "it is told of while it runs"
    trainer.may_end.set()
    wait_idle(node.client("control", epoch=2))
    assert node.kept(epoch=2) == ("r/1/0",)
    slot = node.client(epoch=2)
    result = slot.call("train_shard", AGAIN)
    assert (result.attempt, result.fence, result.delta.name) == ("r/1/0#2", 2, "delta:r/1/0#2")
    assert len(slot.call("get_blob", result.delta.name, 0, 16)) == 16
    assert trainer.begun.empty()
    control.close()


def test_another_coordinator_gets_nothing_of_it(start_node: StartNode, trainer: HeldTrainer) -> None:
    node = start_node()
    orphan(node, trainer, task())
    assert node.kept(coordinator="other") == ()
    training = Training(node.client(coordinator="other"), AGAIN)
    assert trainer.begun.get(timeout=PATIENCE_S) == "r/1/0#2"
    end(training, node.client("control"), trainer)


def test_who_asks_again_joins_the_task_that_runs(start_node: StartNode, trainer: HeldTrainer) -> None:
    node = start_node()
    control = node.client("control")
    orphan(node, trainer, task())
    again = Training(node.client(), AGAIN)
    while control.call("status").attempts != ("r/1/0#2",):
        pass
    control.call("cancel_attempt", "r/1/0#1", 0)
    end(again, control, trainer)
    assert again.result is not None and again.result.attempt == "r/1/0#2"
    assert trainer.begun.empty()


def test_who_waited_for_a_task_that_another_has_joined_is_told(start_node: StartNode, trainer: HeldTrainer) -> None:
    node = start_node()
    first = Training(node.client(), task())
    trainer.begun.get(timeout=PATIENCE_S)
    again = Training(node.client(), AGAIN)
    first.wait()
    assert isinstance(first.error, Stale)
    end(again, node.client("control"), trainer)
    assert again.result is not None


def test_an_earlier_attempt_that_comes_late_takes_nothing_from_a_later_one(
    start_node: StartNode, trainer: HeldTrainer
) -> None:
    node = start_node()
    later = Training(node.client(), AGAIN)
    trainer.begun.get(timeout=PATIENCE_S)
    earlier = Training(node.client(), task())
    earlier.wait()
    assert isinstance(earlier.error, Stale) and "r/1/0#2 has come already" in str(earlier.error)
    end(later, node.client("control"), trainer)
    assert later.result is not None and later.result.attempt == "r/1/0#2"


def test_other_work_ends_an_orphan_that_has_its_slot(start_node: StartNode, trainer: HeldTrainer) -> None:
    node = start_node()
    orphan(node, trainer, task())
    other = Training(node.client(), task("r/1/1#2", place=(1, 1)))
    assert trainer.begun.get(timeout=PATIENCE_S) == "r/1/1#2"
    control = node.client("control")
    status = control.call("status")
    assert (status.attempts, status.load) == (("r/1/1#2",), 1.0)
    end(other, control, trainer)
    assert node.kept() == ("r/1/1",)


def test_an_orphan_that_nobody_claims_ends(start_node: StartNode, trainer: HeldTrainer) -> None:
    node = start_node(orphan_grace_s=0.05)
    orphan(node, trainer, task())
    wait_idle(node.client("control"))
    assert node.kept() == ()


def test_a_claimed_orphan_does_not_end(start_node: StartNode, trainer: HeldTrainer) -> None:
    node = start_node(orphan_grace_s=0.5)
    orphan(node, trainer, task())
    again = Training(node.client(), AGAIN)
    trainer.may_end.wait(1.0)
    end(again, node.client("control"), trainer)
    assert again.result is not None


def test_a_run_that_is_over_ends_its_orphans_and_takes_its_results_along(
    start_node: StartNode, trainer: HeldTrainer
) -> None:
    node = start_node(slots=2)
    control = node.client("control")
    orphan(node, trainer, task())
    waited = Training(node.client(), replace(task("s/1/0#2"), run="s"))
    trainer.begun.get(timeout=PATIENCE_S)
    control.call("forget", ("model:r/", "model:s/"))
    while "r/1/0#1" in control.call("status").attempts:
        pass
    end(waited, control, trainer)
    assert waited.result is not None, "what somebody waits for goes on until it is cancelled"
    assert node.kept() == ("s/1/0",)
    control.call("forget", ("model:s/",))
    assert node.kept() == ()


def test_committed_rounds_leave_the_node(start_node: StartNode, trainer: HeldTrainer) -> None:
    trainer.may_end.set()
    node = start_node()
    slot = node.client()
    slot.call("train_shard", task())
    slot.call("forget", ("delta:r/1/0#1",))
    slot.call("train_shard", task("r/2/0#2", place=(2, 0)))
    assert node.kept() == ("r/2/0", "r/1/0")
    slot.call("forget", ("delta:r/2/0#2",))
    slot.call("train_shard", task("r/3/0#3", place=(3, 0), committed=2))
    assert node.kept() == ("r/3/0",)


def test_an_attempt_that_was_cancelled_is_not_joined(start_node: StartNode, trainer: HeldTrainer) -> None:
    node = start_node(slots=2)
    control = node.client("control")
    first = Training(node.client(), task())
    trainer.begun.get(timeout=PATIENCE_S)
    control.call("cancel_attempt", "r/1/0#1", 0)
    first.wait()
    assert isinstance(first.error, Cancelled)
    again = Training(node.client(), AGAIN)
    assert trainer.begun.get(timeout=PATIENCE_S) == "r/1/0#2"
    end(again, control, trainer)
