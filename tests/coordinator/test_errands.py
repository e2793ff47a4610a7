"""What is sent to a node: all of it and no more, whatever the node has already."""

from __future__ import annotations

import pytest

from coordinator.errands import Cargo, _ask, _send
from coordinator.scripts import Call
from rpc.errors import MissingBlob
from rpc.messages import PART_BYTES, BlobState, SurveyTask

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


def test_what_a_node_says_it_lacks_is_sent_the_next_time() -> None:
    cargo = Cargo({NAME, "model:r/3"})
    script = _ask("survey", SurveyTask("r/0/0#1", 1, "r", 0, NAME), cargo, (NAME,))
    next(script)
    with pytest.raises(MissingBlob):
        script.throw(MissingBlob("gone"))
    assert cargo.held == {"model:r/3"}
