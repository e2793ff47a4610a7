"""Large vectors that wait on a node: models in parts, deltas in parts."""

from __future__ import annotations

import numpy as np
import pytest

from compute_node.vectors import RoundVectors
from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.errors import BadUpdate, MissingBlob
from rpc.messages import BlobState, Vector

MODEL = np.arange(10, dtype=np.float32)
BYTES = bytes(bytes_of(MODEL))


def vector(name: str, check: int | None = None) -> Vector:
    return Vector("float32", 10, digest(BYTES) if check is None else check, name)


def test_a_model_comes_in_parts_and_is_whole() -> None:
    vectors = RoundVectors()
    assert vectors.put("model:r/1", 40, 0, BYTES[:16]) == BlobState("model:r/1", 40, 16)
    with pytest.raises(MissingBlob):
        vectors.model(vector("model:r/1"))
    vectors.put("model:r/1", 40, 16, BYTES[16:])
    assert vectors.model(vector("model:r/1")).tobytes() == BYTES


def test_a_part_out_of_turn_is_answered_with_what_is_here() -> None:
    vectors = RoundVectors()
    vectors.put("model:r/1", 40, 0, BYTES[:16])
    assert vectors.put("model:r/1", 40, 20, BYTES[20:]).have == 16
    assert vectors.put("model:r/1", 40, 0, BYTES[:16]).have == 16
    assert vectors.put("model:r/1", 40, 16, BYTES[16:] + b"more").have == 16


def test_a_damaged_model_is_refused_and_forgotten() -> None:
    vectors = RoundVectors()
    vectors.put("model:r/1", 40, 0, BYTES)
    with pytest.raises(BadUpdate, match="damaged"):
        vectors.model(vector("model:r/1", check=1))
    with pytest.raises(MissingBlob):
        vectors.model(vector("model:r/1"))


def test_only_the_newest_model_of_each_run_is_kept() -> None:
    vectors = RoundVectors()
    for name in ("model:r/1", "model:s/1", "model:r/2"):
        vectors.put(name, 40, 0, BYTES)
    assert vectors.names == ["model:s/1", "model:r/2"]


def test_a_delta_is_given_in_parts_until_it_is_forgotten() -> None:
    vectors = RoundVectors()
    name = vectors.keep("r/1/0#7", bytes_of(MODEL.copy()))
    assert bytes(vectors.get(name, 0, 16)) + bytes(vectors.get(name, 16, 100)) == BYTES
    vectors.forget(name)
    with pytest.raises(MissingBlob):
        vectors.get(name, 0, 16)
