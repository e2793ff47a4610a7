"""What is sent to a node: all of it and no more, whatever the node has already; and what stays of its answers."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.core.events import Delivered, Start
from coordinator.core.model import Attempt
from coordinator.core.workload import Surveyed, SurveyPayload, TaskSpec
from coordinator.errands import Cargo, Errands, _send, ask
from coordinator.known import Known
from coordinator.memo import Memo
from coordinator.scripts import Call, OnThread, Step
from rpc.blobs import BlobFolder, blob_name
from rpc.errors import MissingBlob
from rpc.messages import PART_BYTES, BlobState, DataFile, ShardSummary, SurveyTask
from tests.coordinator.runs import run
from tests.coordinator.test_known import at_once

NAME = "sha256:" + "0" * 64


class Receiver:
    """A node that takes parts in order, from `have` bytes on."""

    def __init__(self, have: int = 0) -> None:
        self.have = have
        self.sent = 0

    def take(self, call: Call) -> BlobState:
        name, size, offset, data = call.args
        if offset == self.have:
            self.have += len(data)
            self.sent += len(data)
        return BlobState(name, size, self.have)


def deliver(size: int, receiver: Receiver) -> None:
    script = _send(NAME, memoryview(bytes(size)))
    step = next(script)
    with pytest.raises(StopIteration):
        while True:
            assert isinstance(step, Call) and step.method == "put_blob"
            step = script.send(receiver.take(step))


@pytest.mark.parametrize("size", [0, 1, PART_BYTES, PART_BYTES + 1, 3 * PART_BYTES])
def test_a_blob_is_sent_whole(size: int) -> None:
    receiver = Receiver()
    deliver(size, receiver)
    assert receiver.have == receiver.sent == size


@pytest.mark.parametrize("have", [1_000_000, PART_BYTES, 2 * PART_BYTES + 17])
def test_what_the_node_has_of_a_blob_is_not_sent_again(have: int) -> None:
    receiver = Receiver(have)
    deliver(3 * PART_BYTES, receiver)
    assert receiver.have == 3 * PART_BYTES
    assert receiver.sent == 3 * PART_BYTES - have


def test_a_node_that_takes_nothing_is_given_up() -> None:
    script = _send(NAME, memoryview(bytes(10)))
    next(script)
    script.send(BlobState(NAME, 10, 0))
    with pytest.raises(MissingBlob, match="0 of 10 bytes"):
        script.send(BlobState(NAME, 10, 0))


TASK = SurveyTask("r/0/0#1", 1, "r", 0, NAME)


def asking(cargo: Cargo) -> Generator[Step, Any, Any]:
    """The script of a task that needs one blob."""

    def bring() -> Generator[Step, Any, None]:
        yield Call("put_blob", ())
        cargo.held.add(NAME)

    return ask("survey", TASK, cargo, needs=(NAME,), bring=bring)


def methods(*steps: Step) -> list[str]:
    return [step.method for step in steps if isinstance(step, Call)]


def test_what_a_node_has_removed_is_sent_again_and_the_node_asked_again() -> None:
    cargo = Cargo({NAME, "model:r/3"})
    script = asking(cargo)
    steps = [next(script), script.throw(MissingBlob("gone")), script.send(None)]
    with pytest.raises(StopIteration) as end:
        script.send("answer")
    assert (methods(*steps), end.value.value) == (["survey", "put_blob", "survey"], "answer")
    assert cargo.held == {NAME, "model:r/3"}


def test_a_node_that_lacks_at_once_what_it_got_is_asked_no_more_and_gets_it_the_next_time() -> None:
    cargo = Cargo({NAME, "model:r/3"})
    script = asking(cargo)
    next(script)
    script.throw(MissingBlob("gone"))
    script.send(None)
    with pytest.raises(MissingBlob):
        script.throw(MissingBlob("gone"))
    assert cargo.held == {"model:r/3"}


def test_a_survey_is_not_changed_by_what_the_node_sends_next(tmp_path: Path) -> None:
    columns, text = 5000, b"1,0\n"
    blobs, known = BlobFolder(tmp_path), Known(Memo(at_once, 1 << 20, tmp_path))
    file = DataFile("train_x0.txt", blob_name(text), len(text))
    blobs.put(file.blob, len(text), 0, text)
    training = run(1, shards=(file,))
    start = Start(Attempt("r/0/0", 1, "a:1", 1), TaskSpec("r/0/0", "r", "survey", (0, 0), SurveyPayload(0)))
    script = Errands(blobs, known).survey(training, start, Cargo({file.blob}))
    call = next(script)
    assert isinstance(call, Call) and call.method == "survey"
    mean, m2 = np.arange(columns, dtype="<f8"), np.ones(columns)
    answer = ShardSummary("r/0/0#1", 1, 1, columns, 0, mean.tobytes(), m2.tobytes(), np.ones(1, "<i8").tobytes())
    received = [bytearray(answer.mean), bytearray(answer.m2)]
    step = script.send(replace(answer, mean=memoryview(received[0]), m2=memoryview(received[1])))
    assert isinstance(step, OnThread)
    with pytest.raises(StopIteration) as end:
        script.send(step.work())
    for each in received:
        each[:] = bytes(len(each))
    assert end.value.value == Delivered("", Surveyed(answer))
    assert known.survey(file, training.spec.classes) == answer
