"""Large vectors that wait on a node: models in parts, deltas in parts, all of them counted."""

from __future__ import annotations

import numpy as np
import pytest

from compute_node.vectors import Budget, RoundVectors
from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.errors import BadRequest, BadUpdate, MissingBlob, OutOfMemory
from rpc.messages import PART_BYTES, BlobState, Vector

MODEL = np.arange(10, dtype=np.float32)
BYTES = bytes(bytes_of(MODEL))
VECTOR = Vector("float32", 10, digest(BYTES), "model:r/1")
ASKER = object()


@pytest.fixture
def budget() -> Budget:
    return Budget(100)


@pytest.fixture
def vectors(budget: Budget) -> RoundVectors:
    return RoundVectors(budget)


def test_a_model_comes_in_parts_and_is_whole(vectors: RoundVectors) -> None:
    assert vectors.put("model:r/1", 40, 0, BYTES[:16]) == BlobState("model:r/1", 40, 16)
    with pytest.raises(MissingBlob):
        vectors.model("model:r/1")
    vectors.put("model:r/1", 40, 16, BYTES[16:])
    assert vectors.model("model:r/1").checked(VECTOR).tobytes() == BYTES


def test_a_part_out_of_turn_is_answered_with_what_is_here(vectors: RoundVectors) -> None:
    vectors.put("model:r/1", 40, 0, BYTES[:16])
    assert vectors.put("model:r/1", 40, 20, BYTES[20:]).have == 16
    assert vectors.put("model:r/1", 40, 2**63 - 1, BYTES[20:]).have == 16
    assert vectors.put("model:r/1", 40, -1, BYTES[20:]).have == 16
    assert vectors.put("model:r/1", 40, 0, BYTES[:16]).have == 16
    assert vectors.put("model:r/1", 40, 16, BYTES[16:] + b"more").have == 16


def test_the_next_model_of_a_run_takes_the_memory_of_the_last_one_unless_a_task_still_reads_it() -> None:
    size = 1 << 20
    vectors = RoundVectors(Budget(2 * size))
    vectors.put("model:r/1", size, 0, b"")
    place = vectors._models["model:r/1"].bytes.ctypes.data
    vectors.put("model:r/2", size, 0, b"2")
    read = vectors._models["model:r/2"].bytes.view("<f4")
    assert read.ctypes.data == place
    vectors.put("model:r/3", size, 0, b"3")
    assert read.view(np.uint8)[0] == ord("2")


def test_a_damaged_model_is_refused(vectors: RoundVectors) -> None:
    vectors.put("model:r/1", 40, 0, BYTES)
    with pytest.raises(BadUpdate, match="damaged"):
        vectors.model("model:r/1").checked(Vector("float32", 10, 1, "model:r/1"))


def test_only_the_newest_model_of_each_run_is_kept(vectors: RoundVectors) -> None:
    for name in ("model:r/1", "model:s/1", "model:r/2"):
        vectors.put(name, 40, 0, BYTES)
    assert vectors.names == ["model:s/1", "model:r/2"]


@pytest.mark.parametrize(
    "name", ["model:", "model:r", "model:/1", "model:r/", "model:r/x", "model:a/b/1", "model:a b/1", "model:\n/1"]
)
def test_a_name_that_is_none_of_a_model_is_refused(vectors: RoundVectors, name: str) -> None:
    with pytest.raises(BadRequest, match="no model's name"):
        vectors.put(name, 40, 0, BYTES)
    assert not vectors.names


def test_a_models_name_has_at_most_100_characters(vectors: RoundVectors) -> None:
    vectors.put(f"model:{'r' * 92}/1", 40, 0, BYTES)
    with pytest.raises(BadRequest, match="100 characters"):
        vectors.put(f"model:{'r' * 93}/1", 40, 0, BYTES)


@pytest.mark.parametrize("size", [-1, 0, 2**33 + 1, 2**62])
def test_a_size_that_no_model_has_is_refused(vectors: RoundVectors, size: int) -> None:
    with pytest.raises(BadRequest, match="cannot be"):
        vectors.put("model:r/1", size, 0, b"")


def test_a_model_above_the_limit_of_all_is_refused_before_it_comes(vectors: RoundVectors, budget: Budget) -> None:
    vectors.put("model:r/1", 60, 0, b"")
    with pytest.raises(OutOfMemory, match="hold 60 of 100"):
        RoundVectors(budget).put("model:s/1", 60, 0, b"")
    vectors.put("model:r/2", 100, 0, b"")  # the first is not needed any more
    vectors.put("model:r/2", 50, 0, b"")
    vectors.keep("a", bytes(50), ASKER)
    with pytest.raises(OutOfMemory):
        vectors.keep("b", bytes(1), ASKER)
    assert budget.held_bytes == 100
    vectors.forget_all()
    assert budget.held_bytes == 0


def test_a_delta_is_given_in_parts_until_it_is_forgotten(vectors: RoundVectors) -> None:
    name = vectors.keep("r/1/0#7", bytes_of(MODEL.copy()), ASKER)
    assert bytes(vectors.get(name, 0, 16)) + bytes(vectors.get(name, 16, 100)) == BYTES
    assert bytes(vectors.get(name, 2**63 - 1, 1)) == b""
    vectors.forget(name)
    with pytest.raises(MissingBlob):
        vectors.get(name, 0, 16)


def test_places_that_are_none_of_a_part_are_refused(vectors: RoundVectors) -> None:
    name = vectors.keep("r/1/0#7", BYTES, ASKER)
    for offset, length in ((-1, 1), (0, -1), (0, PART_BYTES + 1)):
        with pytest.raises(BadRequest, match="cannot be asked for"):
            vectors.get(name, offset, length)


def test_deltas_are_forgotten_with_their_asker(vectors: RoundVectors, budget: Budget) -> None:
    vectors.keep("mine", BYTES, ASKER)
    others = vectors.keep("other", BYTES, object())
    vectors.forget_deltas_of(ASKER)
    assert vectors.names == [others]
    assert budget.held_bytes == 40


def test_an_attempt_that_is_answered_twice_counts_once(vectors: RoundVectors, budget: Budget) -> None:
    vectors.keep("a", BYTES, ASKER)
    vectors.keep("a", BYTES, ASKER)
    assert budget.held_bytes == 40
