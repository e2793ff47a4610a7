"""Tests of the codec: what is not exactly one message of ours is refused, and nothing else happens."""

from __future__ import annotations

import os
import tracemalloc
from contextlib import suppress
from dataclasses import fields, replace
from struct import pack
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from thrift.protocol import fastbinary

from rpc.codec import (
    UnknownMethod,
    decode_call,
    decode_reply,
    encode_call,
    encode_failure,
    encode_result,
    encode_unknown_method,
)
from rpc.errors import (
    BadData,
    BadRequest,
    FailureKind,
    ProtocolError,
    RejectReason,
    RemoteError,
    RunFailed,
    TaskRejected,
    TrainerError,
)
from rpc.messages import (
    MAX_FRAME_BYTES,
    Hello,
    RoundRow,
    RunDetail,
    SurveyTask,
    TrainResult,
    TrainSettings,
    TrainTask,
    Vector,
    WorkDetail,
)
from rpc.run_spec import MAX_ROUNDS
from rpc.services import COMPUTE_NODE, COORDINATOR, message_head
from tests.client.fake import RUNNING

TRAIN = COMPUTE_NODE.methods["train_shard"]
FORGET = COMPUTE_NODE.methods["forget"]
UNKNOWN_FIELD = 99
# The arguments of put_blob("", 0, 0, b"").
EMPTY_PART = pack("!bhi", 11, 1, 0) + pack("!bhq", 10, 2, 0) + pack("!bhq", 10, 3, 0) + pack("!bhi", 11, 4, 0)


def task(data: bytes = b"1234") -> TrainTask:
    return TrainTask("r/1/2/1", 7, "r", 1, 2, "", "f", 1, Vector("float32", 1, 5, data=data), TrainSettings((4, 2)))


def payload(pieces: list[Any]) -> bytes:
    return b"".join(pieces)[4:]


def call_with_fields(fields: bytes, name: str = "forget") -> memoryview:
    """A call with these fields as arguments, to which the stop byte is added."""
    return memoryview(message_head(1, name) + pack("!i", 1) + fields + b"\0")


def test_thrifts_c_codec_is_there() -> None:
    assert fastbinary.encode_binary


SMALL = payload(encode_call(TRAIN, 5, (task(),)))
LARGE = payload(encode_call(TRAIN, 5, (task(os.urandom(50_000)),)))


@pytest.mark.parametrize("message", [SMALL, LARGE], ids=["small", "large"])
def test_a_message_cut_short_or_with_bytes_left_over_is_refused(message: bytes) -> None:
    assert decode_call(COMPUTE_NODE, memoryview(message)).seqid == 5
    cuts = range(len(message)) if len(message) < 1000 else [0, 3, 11, 40, 100, 20_000, len(message) - 1]
    for cut in cuts:
        with pytest.raises(ProtocolError):
            decode_call(COMPUTE_NODE, memoryview(message[:cut]))
    with pytest.raises(ProtocolError, match="1 bytes are left over"):
        decode_call(COMPUTE_NODE, memoryview(message + b"\0"))


@pytest.mark.parametrize("message", [SMALL, LARGE[:300] + LARGE[-300:]], ids=["small", "large"])
@settings(max_examples=300)
@given(data=st.data())
def test_changed_bytes_give_a_message_or_a_protocol_error(message: bytes, data: st.DataObject) -> None:
    changed = bytearray(message)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    for frame in (bytes(changed), bytes(changed) + bytes(40_000)):  # the second is looked through for binaries
        with suppress(ProtocolError):
            decode_call(COMPUTE_NODE, memoryview(frame))


@settings(max_examples=300)
@given(st.binary(max_size=200))
@example(b"")
@example(b"GET / HTTP/1.1\r\n\r\n")
def test_any_bytes_after_a_good_head_give_a_message_or_a_protocol_error(noise: bytes) -> None:
    for method in COMPUTE_NODE.methods.values():
        for padding in (b"", bytes(40_000)):
            frame = memoryview(message_head(2, method.name) + pack("!i", 1) + noise + padding)
            with suppress(TrainerError, TaskRejected):
                decode_reply(method, 1, frame)


@pytest.mark.parametrize("padding", [0, 40_000], ids=["small", "large"])
@pytest.mark.parametrize("kind", ["struct", "list", "map"])
@pytest.mark.parametrize("depth", [60, 70, 500, 5_000, 500_000])
def test_unknown_fields_may_be_nested_up_to_64_deep(kind: str, depth: int, padding: int) -> None:
    field = pack("!h", UNKNOWN_FIELD)
    nest = {
        "struct": b"\x0c" + field + (b"\x0c" + field) * (depth - 1) + b"\0" * depth,
        "list": b"\x0f" + field + b"\x0f\0\0\0\1" * (depth - 1) + b"\x03\0\0\0\0",
        "map": b"\x0d" + field + b"\x03\x0d\0\0\0\1\1" * (depth - 1) + b"\x03\x03\0\0\0\0",
    }[kind]
    filler = b"\x0b" + field + pack("!i", padding) + bytes(padding) if padding else b""
    frame = call_with_fields(nest + filler + EMPTY_PART, "put_blob")
    if depth <= 60:
        assert decode_call(COMPUTE_NODE, frame).args == ("", 0, 0, b"")
    else:
        with pytest.raises(ProtocolError):
            decode_call(COMPUTE_NODE, frame)


@pytest.mark.parametrize("padding", [0, 40_000], ids=["small", "large"])
@pytest.mark.parametrize("declared", [100_001, 2**31 - 1, -1, -(2**31)])
@pytest.mark.parametrize("kind", ["string", "list", "map", "unknown string", "unknown list", "unknown map"])
def test_a_declared_length_reserves_no_memory(kind: str, declared: int, padding: int) -> None:
    number = UNKNOWN_FIELD if kind.startswith("unknown") else 1
    size = pack("!i", max(declared, 5_000_000) if declared > 0 and "string" in kind else declared)
    field = {
        "string": b"\x0b" + pack("!h", number) + size,
        "list": b"\x0f" + pack("!h", number) + b"\x0b" + size,
        "map": b"\x0d" + pack("!h", number) + b"\x0b\x0b" + size,
    }[kind.rpartition(" ")[2]]
    name = "put_blob" if "string" in kind else "forget"
    frame = call_with_fields(field + bytes(padding), name)
    tracemalloc.start()
    with pytest.raises(ProtocolError):
        decode_call(COMPUTE_NODE, frame)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_skipping_a_frame_full_of_unknown_numbers_is_quick_and_of_structs_is_refused() -> None:
    lists = (b"\x0f" + pack("!h", UNKNOWN_FIELD) + b"\x03" + pack("!i", 100_000) + bytes(100_000)) * 40
    assert decode_call(COMPUTE_NODE, call_with_fields(lists + EMPTY_PART, "put_blob"))
    structs = (b"\x0f" + pack("!h", UNKNOWN_FIELD) + b"\x0c" + pack("!i", 90_000) + bytes(90_000)) * 40
    with pytest.raises(ProtocolError, match="too many"):
        decode_call(COMPUTE_NODE, call_with_fields(structs + EMPTY_PART, "put_blob"))


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ProtocolError, match="'names'"):
        decode_call(COMPUTE_NODE, call_with_fields(b""))
    survey = b"\x0c\0\1" + b"\x0b\0\1\0\0\0\1a" + b"\0"
    with pytest.raises(ProtocolError, match=r"SurveyTask.* 'fence', 'run', 'shard', and 'blob'"):
        decode_call(COMPUTE_NODE, call_with_fields(survey, "survey"))


def test_an_argument_that_came_later_is_none_from_older_callers() -> None:
    verify = COORDINATOR.methods["verify_run"]
    call = payload(encode_call(verify, 1, ("run-1", 0.1, 7)))
    assert decode_call(COORDINATOR, memoryview(call)).args == ("run-1", 0.1, 7, None)
    with pytest.raises(BadRequest, match="seed"):
        encode_call(verify, 1, ("run-1", 0.1))


def test_a_list_of_the_wrong_items_is_refused_by_both_codecs() -> None:
    wrong = task(b"x" * 50_000)
    message = payload(encode_call(TRAIN, 5, (wrong,)))
    items = b"\x0f\0\1\x08\0\0\0\2"  # field 1, list of two i32: the layers
    assert message.count(items) == 1
    for frame in (message, payload(encode_call(TRAIN, 5, (task(),)))):
        with pytest.raises(ProtocolError):
            decode_call(COMPUTE_NODE, memoryview(frame.replace(items, b"\x0f\0\1\x06\0\0\0\2")))


def test_replies_to_another_call_are_refused() -> None:
    reply = memoryview(payload(encode_result(FORGET, 8, None)))
    assert decode_reply(FORGET, 8, reply) is None
    with pytest.raises(ProtocolError, match="forget number 8, not to forget number 9"):
        decode_reply(FORGET, 9, reply)
    with pytest.raises(ProtocolError, match="not to train_shard"):
        decode_reply(TRAIN, 8, reply)
    call = memoryview(payload(encode_call(FORGET, 8, ((),))))
    with pytest.raises(ProtocolError, match="kind 1"):
        decode_reply(FORGET, 8, call)
    with pytest.raises(ProtocolError, match="kind 2"):
        decode_call(COMPUTE_NODE, reply)
    with pytest.raises(ProtocolError, match="empty"):
        decode_reply(TRAIN, 8, memoryview(message_head(2, "train_shard") + pack("!i", 8) + b"\0"))


def test_errors_arrive_as_what_they_were() -> None:
    back = failure_of(BadData("f.txt:3: bad"))
    assert (type(back), str(back)) == (BadData, "f.txt:3: bad")
    failed = failure_of(RunFailed("lost", FailureKind.POISON))
    assert isinstance(failed, RunFailed) and failed.failure is FailureKind.POISON
    rejected = failure_of(TaskRejected(RejectReason.MEMORY, "too big", 500))
    assert isinstance(rejected, TaskRejected)
    assert (rejected.reason, str(rejected), rejected.retry_after_ms) == (RejectReason.MEMORY, "too big", 500)
    assert str(failure_of(BadData("a\udcffb" + "x" * 10_000))).startswith("a?bxxx")


def test_an_unexpected_error_stays_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    for method, error in ((TRAIN, KeyError("/secret")), (FORGET, TaskRejected(RejectReason.BUSY, "/secret"))):
        back = failure_of(error, method)
        assert isinstance(back, RemoteError) and "/secret" not in str(back)
        incident = str(back).rpartition(" ")[2]
        assert any(incident in record.getMessage() and record.exc_info for record in caplog.records)


def test_an_unknown_method_is_told_in_thrifts_own_words() -> None:
    with pytest.raises(UnknownMethod, match="ComputeNode has no method 'nope'") as caught:
        decode_call(COMPUTE_NODE, call_with_fields(b"", "nope"))
    reply = payload(encode_unknown_method(caught.value))
    assert reply.startswith(message_head(3, "nope"))
    as_forget = memoryview(message_head(3, "forget") + reply[len(message_head(3, "nope")) :])
    with pytest.raises(RemoteError, match="has no method 'nope'"):
        decode_reply(FORGET, 1, as_forget)


def test_arguments_that_do_not_fit_are_named_before_anything_is_sent() -> None:
    with pytest.raises(BadRequest, match="cancel_attempt"):
        encode_call(COMPUTE_NODE.methods["cancel_attempt"], 1, ("a", 2**40))
    with pytest.raises(BadRequest, match="hello"):
        encode_call(COMPUTE_NODE.methods["hello"], 1, (Hello("1", "client"),))  # type: ignore[arg-type]
    with pytest.raises(BadRequest, match="survey"):
        encode_call(COMPUTE_NODE.methods["survey"], 1, ())
    with pytest.raises(BadRequest, match="survey"):
        encode_call(COMPUTE_NODE.methods["survey"], 1, ("no task",))
    with pytest.raises(BadRequest, match="send it in parts"):
        encode_call(TRAIN, 1, (task(bytes(MAX_FRAME_BYTES)),))
    with pytest.raises(BadRequest, match="send it in parts"):
        encode_call(COMPUTE_NODE.methods["survey"], 1, (SurveyTask("a" * MAX_FRAME_BYTES, 1, "", 1, ""),))


def test_large_binaries_are_sent_and_received_by_reference() -> None:
    data = bytearray(os.urandom(1 << 20))
    result = TrainResult("a", 1, 2, Vector("float32", 3, 4, data=data), 0.5, 1, 0.1)
    pieces = encode_result(TRAIN, 3, result)
    assert any(isinstance(piece, memoryview) and piece.obj is data for piece in pieces)
    frame = memoryview(payload(pieces))
    assert decode_reply(TRAIN, 3, frame).delta.data.obj is frame.obj


def test_the_history_of_the_longest_run_is_one_message() -> None:
    figures = {each.name: 0.5 if "float" in str(each.type) else 7 for each in fields(RoundRow)}
    run = RunDetail(rounds=(RoundRow(**figures),) * MAX_ROUNDS, offset=os.urandom(100_000))  # type: ignore[arg-type]
    get_work = COORDINATOR.methods["get_work"]
    frame = memoryview(payload(encode_result(get_work, 3, WorkDetail(RUNNING, run))))
    assert decode_reply(get_work, 3, frame) == WorkDetail(RUNNING, run)


def failure_of(error: Exception, method: Any = TRAIN) -> Exception:
    with pytest.raises((TrainerError, TaskRejected)) as caught:
        decode_reply(method, 4, memoryview(payload(encode_failure(method, 4, error))))
    return caught.value


def test_every_large_binary_of_a_message_is_taken_by_reference() -> None:
    data, offset, scale = os.urandom(100_000), os.urandom(40_000), os.urandom(10)
    sent = replace(task(data), offset=offset, scale=scale)
    frame = memoryview(payload(encode_call(TRAIN, 5, (sent,))))
    (back,) = decode_call(COMPUTE_NODE, frame).args
    assert back == sent
    assert [getattr(each, "obj", None) is frame.obj for each in (back.model.data, back.offset, back.scale)] == [
        True,
        True,
        False,
    ]


def test_of_a_field_that_comes_twice_the_last_counts() -> None:
    def data(content: bytes) -> bytes:
        return pack("!bhi", 11, 4, len(content)) + content

    large, small = os.urandom(50_000), b"small"
    without_data = EMPTY_PART[: -len(data(b""))]
    for first, last in ((large, small), (small, large), (large, large[::-1])):
        frame = call_with_fields(without_data + data(first) + data(last), "put_blob")
        assert decode_call(COMPUTE_NODE, frame).args == ("", 0, 0, last)
