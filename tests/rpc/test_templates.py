"""Tests of templates: what is filled in arrives as if the whole message had been sent."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpc.codec import decode_call, encode_call
from rpc.convert import message_plan
from rpc.errors import BadRequest
from rpc.messages import MAX_FRAME_BYTES, TrainSettings, TrainTask, Vector
from rpc.services import COMPUTE_NODE
from rpc.templates import Template
from tests.rpc.wire_values import values

TRAIN = COMPUTE_NODE.methods["train_shard"]
OPEN = ("attempt", "fence", "shard", "blob", "file")


def task(data: bytes = b"1234", offset: bytes = b"") -> TrainTask:
    model = Vector("float32", 1, 5, data=data)
    return TrainTask("", 0, "r", 1, 0, "", "", 1, model, TrainSettings((4, 2)), offset=offset)


def arrived(argument: Any) -> TrainTask:
    frame = b"".join(encode_call(TRAIN, 5, (argument,)))
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    call = decode_call(COMPUTE_NODE, memoryview(frame)[4:])
    assert (call.method, call.seqid) == (TRAIN, 5)
    (message,) = call.args
    assert isinstance(message, TrainTask)
    return message


@given(message=values(message_plan(TrainTask)), fields=st.lists(st.sampled_from(OPEN), unique=True))
def test_a_filled_template_is_the_whole_message(message: TrainTask, fields: list[str]) -> None:
    blank = replace(message, attempt="?", fence=-1)
    template = Template(blank, "attempt", "fence", *(field for field in fields if field not in ("attempt", "fence")))
    rest = [getattr(message, field) for field in fields if field not in ("attempt", "fence")]
    assert arrived(template.fill(message.attempt, message.fence, *rest)) == message


@pytest.mark.parametrize(("size", "offset"), [(40_000, 0), (40_000, 50_000), (0, 50_000)])
def test_large_binaries_are_sent_by_reference_every_time(size: int, offset: int) -> None:
    data, moments = os.urandom(size), os.urandom(offset)
    template = Template(task(data, moments), *OPEN)
    for number in range(3):
        filled = template.fill("a", number, number, "blob", "file")
        pieces = encode_call(TRAIN, 5, (filled,))
        shared = [piece.obj for piece in pieces if isinstance(piece, memoryview)]
        assert shared == [each for each in (data, moments) if each]
        message = arrived(filled)
        assert (message.fence, message.shard, message.model.data, message.offset) == (number, number, data, moments)


def test_what_does_not_fit_is_told_before_anything_is_sent() -> None:
    with pytest.raises(BadRequest, match="train_shard"):
        encode_call(TRAIN, 1, (Template(task(), *OPEN).fill("a", 2**70, 0, "", ""),))
    with pytest.raises(BadRequest, match="send it in parts"):
        encode_call(TRAIN, 1, (Template(task(bytes(MAX_FRAME_BYTES)), *OPEN).fill("a", 1, 0, "", ""),))
