"""Tests of the plans by which messages go through Thrift's codecs."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from thrift.protocol import fastbinary

from rpc import messages
from rpc.binaries import Layout, Path
from rpc.codec import decode_call, decode_reply, encode_call, encode_result, from_bytes, to_bytes
from rpc.convert import BULK_BYTES, message_plan, owned, plan, with_binary
from rpc.generated import ttypes
from rpc.messages import Hello, RunDetail, ShardSummary, TrainResult, TrainTask, Vector, WorkDetail
from rpc.services import COMPUTE_NODE, COORDINATOR, Method, Service
from tests.rpc.wire_values import values

MESSAGES = [each for each in vars(messages).values() if isinstance(each, type) and dataclasses.is_dataclass(each)]
METHODS = [(service, method) for service in (COMPUTE_NODE, COORDINATOR) for method in service.methods.values()]
WITH_BINARIES = [ShardSummary, RunDetail, WorkDetail, TrainTask, TrainResult]
SIZES = [0, BULK_BYTES - 1, BULK_BYTES, BULK_BYTES + 1, 100 << 10]
IDS = [f"{service.name}.{method.name}" for service, method in METHODS]

# A field that is lost or changed shows in most examples of its message.
few_examples = settings(max_examples=25)


@pytest.mark.parametrize("kind", MESSAGES, ids=lambda kind: kind.__name__)
@few_examples
@given(data=st.data())
def test_a_message_comes_back_as_it_was(kind: type, data: st.DataObject) -> None:
    message = data.draw(values(message_plan(kind)))
    assert type(message) is kind
    assert from_bytes(kind, to_bytes(message)) == message


@pytest.mark.parametrize("kind", WITH_BINARIES, ids=lambda kind: kind.__name__)
@few_examples
@given(data=st.data())
def test_a_message_is_kept_with_binaries_of_any_kind_and_size(kind: type, data: st.DataObject) -> None:
    message = data.draw(values(message_plan(kind)))
    for path in _binaries(message_plan(kind).layout):
        make = data.draw(st.sampled_from([bytes, bytearray, memoryview]))
        message = with_binary(message, path, make(_content(data.draw(st.sampled_from(SIZES)), path)))
    assert from_bytes(kind, to_bytes(message)) == message


def test_an_owned_message_outlives_its_frame() -> None:
    method = COMPUTE_NODE.methods["survey"]
    sent = ShardSummary("a", 1, 2, 3, 4, *(_content(size, (str(size),)) for size in SIZES[-3:]))
    frame = bytearray(_payload(encode_result(method, 9, sent)))
    kept = owned(decode_reply(method, 9, memoryview(frame)))
    frame[:] = bytes(len(frame))
    assert kept == sent
    assert {type(each) for each in (kept.mean, kept.m2, kept.label_counts)} == {bytes}


@pytest.mark.parametrize(("service", "method"), METHODS, ids=IDS)
@few_examples
@given(data=st.data(), seqid=st.integers(0, 2**31 - 1))
def test_every_call_and_result_comes_back_as_it_was(
    service: Service, method: Method, data: st.DataObject, seqid: int
) -> None:
    args = tuple(data.draw(values(method.call_plan)))
    call = decode_call(service, _payload(encode_call(method, seqid, args)))
    assert (call.method, call.seqid, call.args) == (method, seqid, args)
    outcome = data.draw(values(method.reply_plan))
    result = None if method.returns_nothing else outcome.success
    assert decode_reply(method, seqid, _payload(encode_result(method, seqid, result))) == result


def test_every_message_and_every_struct_of_the_idl_have_each_other() -> None:
    declared = {
        name
        for name, each in vars(ttypes).items()
        if isinstance(each, type) and hasattr(each, "thrift_spec") and not issubclass(each, Exception)
    }
    assert {kind.__name__ for kind in MESSAGES} == declared


def test_a_field_that_differs_from_the_idl_is_named() -> None:
    spec = ttypes.BlobState.thrift_spec
    with pytest.raises(TypeError, match=r"BlobState\.size: .*str.* does not match"):
        plan(messages.BlobState, spec, {"name": str, "size": str, "have": int})
    with pytest.raises(TypeError, match="BlobState: names or order"):
        plan(messages.BlobState, spec, {"name": str, "have": int, "size": int})
    with pytest.raises(TypeError, match="BlobState: names or order"):
        plan(messages.BlobState, spec, {"name": str, "size": int})


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [0, 1, BULK_BYTES, BULK_BYTES + 1, 1 << 20])
def test_a_buffer_may_be_of_any_kind_and_size(make: Any, size: int) -> None:
    method = COMPUTE_NODE.methods["train_shard"]
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    result = TrainResult("a", 1, 2, Vector("float32", 3, 4, data=make(content)), 0.5, 1, 0.1)
    back = decode_reply(method, 9, _payload(encode_result(method, 9, result)))
    assert back.delta.data == content
    assert isinstance(back.delta.data, memoryview) == (size > BULK_BYTES)


def test_a_field_that_an_older_peer_does_not_send_takes_its_default() -> None:
    sent = ttypes.Hello(protocol=1, role="client")
    assert from_bytes(Hello, fastbinary.encode_binary(sent, [ttypes.Hello, ttypes.Hello.thrift_spec])) == Hello(
        1, "client"
    )


def _binaries(layout: Layout) -> Iterator[Path]:
    """The paths of all binaries of a message."""
    yield from ((name,) for name in layout.binaries.values())
    for name, inner in layout.structs.values():
        yield from ((name, *path) for path in _binaries(inner))


def _content(size: int, path: Path) -> bytes:
    """So many bytes, others for each path."""
    pattern = bytes(range(251)) + "/".join(path).encode()
    return (pattern * (size // len(pattern) + 1))[:size]


def _payload(pieces: list[Any]) -> memoryview:
    frame = b"".join(pieces)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    return memoryview(frame)[4:]
