"""Large models come to a node in parts, and all of them are counted."""

from __future__ import annotations

import numpy as np
import pytest

from compute_node.budget import Budget
from compute_node.models import RoundModels
from rpc.arrays import bytes_of
from rpc.digests import digest
from rpc.errors import BadRequest, BadUpdate, MissingBlob, OutOfMemory
from rpc.messages import BlobState, Vector

MODEL = np.arange(10, dtype=np.float32)
BYTES = bytes(bytes_of(MODEL))
VECTOR = Vector("float32", 10, digest(BYTES), "model:r/1")


@pytest.fixture
def budget() -> Budget:
    return Budget(100)


@pytest.fixture
def models(budget: Budget) -> RoundModels:
    return RoundModels(budget)


def test_a_model_comes_in_parts_and_is_whole(models: RoundModels) -> None:
    assert models.put("model:r/1", 40, 0, BYTES[:16]) == BlobState("model:r/1", 40, 16)
    with pytest.raises(MissingBlob):
        models.model("model:r/1")
    models.put("model:r/1", 40, 16, BYTES[16:])
    assert models.model("model:r/1").checked(VECTOR).tobytes() == BYTES


def test_a_part_out_of_turn_is_answered_with_what_is_here(models: RoundModels) -> None:
    models.put("model:r/1", 40, 0, BYTES[:16])
    assert models.put("model:r/1", 40, 20, BYTES[20:]).have == 16
    assert models.put("model:r/1", 40, 2**63 - 1, BYTES[20:]).have == 16
    assert models.put("model:r/1", 40, -1, BYTES[20:]).have == 16
    assert models.put("model:r/1", 40, 0, BYTES[:16]).have == 16
    assert models.put("model:r/1", 40, 16, BYTES[16:] + b"more").have == 16


def test_the_next_model_of_a_run_takes_the_memory_of_the_last_one_unless_a_task_still_reads_it() -> None:
    size = 1 << 20
    models = RoundModels(Budget(2 * size))
    models.put("model:r/1", size, 0, b"")
    place = models._models["model:r/1"].bytes.ctypes.data
    models.put("model:r/2", size, 0, b"2")
    read = models._models["model:r/2"].bytes.view("<f4")
    assert read.ctypes.data == place
    models.put("model:r/3", size, 0, b"3")
    assert read.view(np.uint8)[0] == ord("2")


def test_a_damaged_model_is_refused(models: RoundModels) -> None:
    models.put("model:r/1", 40, 0, BYTES)
    with pytest.raises(BadUpdate, match="damaged"):
        models.model("model:r/1").checked(Vector("float32", 10, 1, "model:r/1"))


def test_only_the_newest_model_of_each_run_is_kept(models: RoundModels) -> None:
    for name in ("model:r/1", "model:s/1", "model:r/2"):
        models.put(name, 40, 0, BYTES)
    assert models.names == ["model:s/1", "model:r/2"]


@pytest.mark.parametrize(
    "name", ["model:", "model:r", "model:/1", "model:r/", "model:r/x", "model:a/b/1", "model:a b/1", "model:\n/1"]
)
def test_a_name_that_is_none_of_a_model_is_refused(models: RoundModels, name: str) -> None:
    with pytest.raises(BadRequest, match="no model's name"):
        models.put(name, 40, 0, BYTES)
    assert not models.names


def test_a_models_name_has_at_most_100_characters(models: RoundModels) -> None:
    models.put(f"model:{'r' * 92}/1", 40, 0, BYTES)
    with pytest.raises(BadRequest, match="100 characters"):
        models.put(f"model:{'r' * 93}/1", 40, 0, BYTES)


@pytest.mark.parametrize("size", [-1, 0, 2**33 + 1, 2**62])
def test_a_size_that_no_model_has_is_refused(models: RoundModels, size: int) -> None:
    with pytest.raises(BadRequest, match="cannot be"):
        models.put("model:r/1", size, 0, b"")


def test_a_model_above_the_limit_of_all_is_refused_before_it_comes(models: RoundModels, budget: Budget) -> None:
    models.put("model:r/1", 60, 0, b"")
    with pytest.raises(OutOfMemory, match="hold 60 of 100"):
        RoundModels(budget).put("model:s/1", 60, 0, b"")
    models.put("model:r/2", 100, 0, b"")  # the first is not needed any more
    models.put("model:r/2", 50, 0, b"")
    assert budget.held_bytes == 50
    models.forget_all()
    assert budget.held_bytes == 0


def test_the_models_of_a_run_go_with_it(models: RoundModels, budget: Budget) -> None:
    models.put("model:r/1", 40, 0, BYTES)
    models.put("model:rr/1", 40, 0, BYTES)
    models.forget_run("r")
    assert models.names == ["model:rr/1"]
    assert budget.held_bytes == 40
