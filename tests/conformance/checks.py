"""What a node must do while its connections last; a check that fails says in one line what the node did instead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from thrift.Thrift import TApplicationException, TMessageType, TType

from rpc.blobs import blob_name, parts
from rpc.errors import BadData, Cancelled, MissingBlob, TaskRejected, TimedOut, TrainerError
from rpc.generated import ComputeNode, ttypes
from rpc.messages import PART_BYTES, PROTOCOL_VERSION, ShardSummary, TrainResult
from tests.conformance.calling import put, running, stock
from tests.conformance.known_tasks import BAD_DATA, DATA, ENDLESS, FEATURES, LARGE, SMALL, known, survey
from tests.conformance.peer import Peer


def hello_tells_what_the_node_is(peer: Peer) -> None:
    _, reply = peer.greet("control")
    assert reply.protocol == PROTOCOL_VERSION, f"it speaks protocol {reply.protocol}"
    assert reply.name, "it has no name"
    assert reply.slots >= 1, f"it has {reply.slots} slots"


def another_protocol_is_refused(peer: Peer) -> None:
    """Either side may refuse: the node by a Failure, or the caller when it reads the node's number."""
    client, _ = peer.greet("control")
    client.close()
    with stock(peer) as raw:
        try:
            reply = raw.hello(ttypes.Hello(protocol=PROTOCOL_VERSION + 1, role="coordinator", connection="control"))
        except ttypes.Failure as failure:
            assert failure.code == "refused", f"it fails with {failure.code}"
            return
        assert reply.protocol == PROTOCOL_VERSION, f"it says to speak protocol {reply.protocol}"


def fields_of_a_later_version_are_passed_over(peer: Peer) -> None:
    with stock(peer) as raw:
        wire = raw._oprot
        wire.writeMessageBegin("hello", TMessageType.CALL, 7)
        wire.writeFieldBegin("hello", TType.STRUCT, 1)
        for number, value in ((1, PROTOCOL_VERSION), (99, 12345)):
            wire.writeFieldBegin("", TType.I32, number)
            wire.writeI32(value)
        for number, text in ((2, "coordinator"), (5, "later"), (8, "control"), (98, "?")):
            wire.writeFieldBegin("", TType.STRING, number)
            wire.writeString(text)
        wire.writeFieldStop()
        wire.writeFieldStop()
        wire.trans.flush()
        protocol = raw.recv_hello().protocol
        assert protocol == PROTOCOL_VERSION, f"it says to speak protocol {protocol}"


def a_method_of_a_later_version_is_answered(peer: Peer) -> None:
    with stock(peer) as raw:
        raw.hello(ttypes.Hello(protocol=PROTOCOL_VERSION, role="coordinator", coordinator="c", connection="control"))
        raw._oprot.writeMessageBegin("not_yet_invented", TMessageType.CALL, 8)
        ComputeNode.status_args().write(raw._oprot)
        raw._oprot.trans.flush()
        try:
            raw.recv_status()
        except TApplicationException as error:
            assert error.type == TApplicationException.UNKNOWN_METHOD, f"it answers with type {error.type}"
        else:
            raise AssertionError("it answers as if it knew the method")


def a_heartbeat_is_answered(peer: Peer) -> None:
    status = peer.control().call("status")
    assert 0.0 <= status.load <= 1.0, f"its load is {status.load}"
    assert not status.attempts, f"it runs {status.attempts}"


def a_shard_is_described(peer: Peer) -> None:
    slot = peer.slot()
    put(slot, DATA)
    found: ShardSummary = slot.call("survey", survey())
    assert (found.attempt, found.fence) == ("known/0/0#1", 1), f"it answers for {found.attempt}, fence {found.fence}"
    assert (found.rows, found.columns, found.max_label) == (4, 2, 2), f"it finds {found.rows} rows, {found.columns}"
    mean = np.frombuffer(found.mean, "<f8")
    assert np.allclose(mean, FEATURES.mean(axis=0), rtol=1e-12), f"the means are {mean}"
    counts = np.frombuffer(found.label_counts, "<i8").tolist()
    assert counts == [1, 2, 1], f"the labels are counted as {counts}"


def bad_data_is_refused_with_its_line(peer: Peer) -> None:
    slot = peer.slot()
    put(slot, BAD_DATA)
    try:
        slot.call("survey", survey(BAD_DATA))
    except BadData as error:
        assert "train_known1.txt:2" in str(error), f"it says {error}"
    else:
        raise AssertionError("it takes a row that is no row")


def a_damaged_file_is_not_taken(peer: Peer) -> None:
    slot, data = peer.slot(), b"9,9,1\n"
    try:
        have = slot.call("put_blob", blob_name(data), len(data), 0, b"9,9,0\n").have
    except TrainerError:
        return
    assert have < len(data), "it takes bytes whose SHA-256 is not the one in their name"


def a_known_task_has_its_known_answer(peer: Peer) -> None:
    slot, task = peer.slot(), known(SMALL, "small")
    put(slot, DATA)
    task.check(slot.call("train_shard", task.task))


def the_same_task_gives_the_same_bits(peer: Peer) -> None:
    slot, task = peer.slot(), known(SMALL, "again").task
    put(slot, DATA)
    one: TrainResult = slot.call("train_shard", task)
    bits = bytes(one.delta.data or b"")
    peer.control().call("forget", ("model:again/",))
    other: TrainResult = slot.call("train_shard", replace(task, attempt="again/1/0#2", fence=2))
    assert (other.attempt, other.fence) == ("again/1/0#2", 2), f"it answers for {other.attempt}, fence {other.fence}"
    assert bytes(other.delta.data or b"") == bits, "the bits are others"


def a_large_vector_goes_and_comes_in_parts(peer: Peer) -> None:
    slot, task = peer.slot(), known(LARGE, "large", inline=False)
    put(slot, DATA)
    data, name = task.model.tobytes(), task.task.model.name
    for offset, length in parts(len(data)):
        slot.call("put_blob", name, len(data), offset, data[offset : offset + length])
    again = slot.call("put_blob", name, len(data), 0, data[:PART_BYTES])
    assert again.have == len(data), f"a part that comes twice leaves it with {again.have} of {len(data)} bytes"
    result: TrainResult = slot.call("train_shard", task.task)
    assert result.delta.data is None and result.delta.name, "a delta above one part comes with its result"
    size = 8 * result.delta.length
    pieces = [bytes(slot.call("get_blob", result.delta.name, offset, length)) for offset, length in parts(size)]
    task.check(replace(result, delta=replace(result.delta, data=b"".join(pieces))))
    slot.call("forget", (result.delta.name, "model:large/"))


def what_is_not_there_is_asked_for(peer: Peer) -> None:
    slot, task = peer.slot(), known(LARGE, "absent", inline=False).task
    put(slot, DATA)
    for what, asked in (("model", task), ("shard", replace(known(SMALL, "absent").task, blob=f"sha256:{'0' * 64}"))):
        try:
            slot.call("train_shard", asked)
        except MissingBlob:
            continue
        raise AssertionError(f"it trains without the {what}")


def a_full_node_declines_and_a_cancelled_task_ends(peer: Peer) -> None:
    control, reply = peer.greet("control")
    put(control, DATA)
    tasks = [known(ENDLESS, "endless", shard=shard).task for shard in range(reply.slots)]
    with running(peer, *tasks) as calls:
        try:
            peer.slot().call("train_shard", known(SMALL, "one-more").task)
        except TaskRejected as rejected:
            assert rejected.reason > 0, "it declines without a reason"
        except TimedOut:
            raise AssertionError(f"it takes a task more than its {reply.slots} slots, and lets it wait") from None
        else:
            raise AssertionError(f"it takes a task more than its {reply.slots} slots")
    for call in calls:
        assert isinstance(call.error, Cancelled), f"a cancelled task answers {call.error!r}"


CHECKS: tuple[Callable[[Peer], None], ...] = (
    hello_tells_what_the_node_is,
    another_protocol_is_refused,
    fields_of_a_later_version_are_passed_over,
    a_method_of_a_later_version_is_answered,
    a_heartbeat_is_answered,
    a_shard_is_described,
    bad_data_is_refused_with_its_line,
    a_damaged_file_is_not_taken,
    a_known_task_has_its_known_answer,
    the_same_task_gives_the_same_bits,
    a_large_vector_goes_and_comes_in_parts,
    what_is_not_there_is_asked_for,
    a_full_node_declines_and_a_cancelled_task_ends,
)
