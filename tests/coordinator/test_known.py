"""What is known of surveys and updates, and what an update is known by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.attempts import recalled
from coordinator.core.workload import Plan, Trained, TrainPayload
from coordinator.known import Known, is_worth_keeping, recipe_of, update_key
from coordinator.memo import Memo
from coordinator.vectors import RunVectors
from mlcore.averaging import ServerOptimizer
from rpc.aside import outcome_of
from rpc.digests import digest
from rpc.errors import BadUpdate
from rpc.messages import DataFile, ShardSummary, TrainResult, TrainSettings, Vector

SETTINGS = TrainSettings(layers=(1, 2), rounds=3)
PLAN = Plan(SETTINGS, threads=1)
PAYLOAD = TrainPayload(round=2, shard=1, rows=10, weight=3, plan=PLAN)
FILE = DataFile("train_x1.txt", "sha256:" + "1" * 64, 9)
MODEL = Vector("float32", 4, digest=77)
DELTA = np.arange(4, dtype=np.float32)
RESULT = TrainResult(
    "r/2/1#5", 5, 10, Vector("float32", 4, digest(DELTA.tobytes()), data=DELTA.tobytes()), 0.5, 1, compute_s=0.01
)
KEY = update_key(recipe_of(PLAN, "avx2"), MODEL, PAYLOAD, FILE)


def at_once(work: Callable[[], Any], done: Callable[[Any], None]) -> None:
    done(outcome_of(work))


def known(tmp_path: Path) -> Known:
    return Known(Memo(at_once, 10_000, tmp_path))


def test_an_update_is_known_with_its_node_and_counts_as_often_as_this_run_says(tmp_path: Path) -> None:
    here = known(tmp_path)
    here.keep_update(KEY, RESULT, "a:1")
    found = here.update(KEY, PLAN)
    assert found is not None
    vectors = RunVectors("r", ServerOptimizer("fedavg", 0.0))
    delivered = recalled(*found, PAYLOAD, vectors, holder="h")
    assert (vectors.sums["h"] == 3 * DELTA).all()
    assert isinstance(delivered.result, Trained)
    assert (delivered.result.node, delivered.result.digest, delivered.is_known) == ("a:1", RESULT.delta.digest, True)


def test_an_update_whose_bits_are_not_those_of_its_digest_does_not_pass(tmp_path: Path) -> None:
    here = known(tmp_path)
    here.keep_update(KEY, replace(RESULT, delta=replace(RESULT.delta, digest=1)), "a:1")
    found = here.update(KEY, PLAN)
    assert found is not None
    with pytest.raises(BadUpdate, match="XXH3"):
        recalled(*found, PAYLOAD, RunVectors("r", ServerOptimizer("fedavg", 0.0)), holder="h")


def test_what_is_quickly_computed_or_waits_on_its_node_is_not_worth_keeping() -> None:
    assert is_worth_keeping(RESULT)
    assert not is_worth_keeping(replace(RESULT, compute_s=0.0001))
    assert not is_worth_keeping(replace(RESULT, delta=replace(RESULT.delta, data=None)))


def test_an_update_is_known_by_all_that_it_is_a_function_of() -> None:
    others = [
        update_key(recipe_of(PLAN, "sse"), MODEL, PAYLOAD, FILE),
        update_key(recipe_of(replace_settings(seed=2), "avx2"), MODEL, PAYLOAD, FILE),
        update_key(recipe_of(replace_settings(eta=0.5), "avx2"), MODEL, PAYLOAD, FILE),
        update_key(recipe_of(Plan(SETTINGS, threads=2), "avx2"), MODEL, PAYLOAD, FILE),
        update_key(recipe_of(Plan(SETTINGS, 1, scale=b"12345678"), "avx2"), MODEL, PAYLOAD, FILE),
        update_key(recipe_of(PLAN, "avx2"), replace(MODEL, digest=78), PAYLOAD, FILE),
        update_key(recipe_of(PLAN, "avx2"), MODEL, replace(PAYLOAD, round=1), FILE),
        update_key(recipe_of(PLAN, "avx2"), MODEL, replace(PAYLOAD, shard=0), FILE),
        update_key(recipe_of(PLAN, "avx2"), MODEL, PAYLOAD, replace(FILE, blob="sha256:" + "2" * 64)),
    ]
    assert len({KEY, *others}) == 1 + len(others)


def test_how_many_rounds_there_are_matters_to_a_schedule_alone() -> None:
    assert recipe_of(replace_settings(rounds=9), "avx2") == recipe_of(PLAN, "avx2")
    cosine = replace_settings(eta_schedule="cosine")
    assert recipe_of(Plan(replace(cosine.settings, rounds=9), 1), "avx2") != recipe_of(cosine, "avx2")


def test_a_survey_is_known_by_file_and_classes(tmp_path: Path) -> None:
    here = known(tmp_path)
    summary = ShardSummary("r/0/1#3", 3, 10, 4, 25, mean=bytes(32), m2=bytes(32), label_counts=bytes(208))
    here.keep_survey(FILE, 26, summary)
    assert here.survey(FILE, 26) == summary
    assert here.survey(FILE, 0) is None


def replace_settings(**settings: Any) -> Plan:
    return Plan(replace(SETTINGS, **settings), threads=1)
