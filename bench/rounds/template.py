"""Answers to training tasks without taking them apart: what a load generator can do and a node cannot."""

from __future__ import annotations

from struct import Struct

import numpy as np

from bench.rounds.task import STEP, start
from rpc.arrays import bytes_of
from rpc.codec import encode_result
from rpc.digests import digest
from rpc.messages import TrainResult, Vector
from rpc.services import COMPUTE_NODE

_TRAIN = COMPUTE_NODE.methods["train_shard"]
_LENGTH = Struct("!I")
_SEQID_BYTES = 4
_FIELD_BYTES = 3  # type and number of a field, before its value
_FENCE_BYTES = _FIELD_BYTES + 8


class Template:
    """The answer to every training task but for what it repeats: the attempt's name and its fence.

    Both are the first two fields of task and result alike, so that their bytes go over as they are.
    """

    def __init__(self, size: str) -> None:
        data = bytes(bytes_of(np.full_like(start(size), STEP)))
        delta = Vector("float32", len(data) // 4, digest(data), data=data)
        (frame,) = encode_result(_TRAIN, 0, TrainResult("", 0, 26, delta, 1.0, 1, 0.0))
        fields = _LENGTH.size + len(_TRAIN.reply_head) + _SEQID_BYTES
        name = fields + 2 * _FIELD_BYTES
        self._head = bytes(frame[fields:name])
        self._tail = bytes(frame[name + _LENGTH.size + _FENCE_BYTES :])

    def answer(self, frame: memoryview) -> bytes | None:
        """The frame that answers this one, None if it is no training task."""
        number = len(_TRAIN.call_head)
        if frame[:number] != _TRAIN.call_head:
            return None
        name = number + _SEQID_BYTES + 2 * _FIELD_BYTES
        end = name + _LENGTH.size + _LENGTH.unpack_from(frame, name)[0] + _FENCE_BYTES
        pieces = (_TRAIN.reply_head, frame[number : number + _SEQID_BYTES], self._head, frame[name:end], self._tail)
        return _LENGTH.pack(sum(map(len, pieces))) + b"".join(pieces)
