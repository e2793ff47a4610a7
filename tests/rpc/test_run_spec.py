"""What the values of a run may be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rpc.errors import BadRequest
from rpc.messages import DataFile, RunSpec
from rpc.run_spec import MAX_FILE_NAME, MAX_NAME, MAX_SECONDS, MAX_SHARDS, check_run_spec

SHARD = DataFile("train_x1.txt", "sha256:0", 1)
SPEC = RunSpec("x", (SHARD,), DataFile("validate_x.txt", "sha256:1", 1), rounds=1, epochs=1, hidden=(4,))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "x" * (MAX_NAME + 1)}, "name must have at most 200 characters, not 201"),
        ({"shards": (SHARD,) * (MAX_SHARDS + 1)}, "a run must have at most 100,000 shards, not 100,001"),
        (
            {"validation": replace(SHARD, file="x" * (MAX_FILE_NAME + 1))},
            "the name of a data file must have at most 255 characters, but 'xxxxxxxxxxxxxxxxxxxx'... has 256",
        ),
        ({"seed": "a"}, "seed must be a whole number, not 'a' (str)"),
        ({"threads": None}, "threads must be a whole number, not None (NoneType)"),
        ({"rounds": 1.5}, "rounds must be a whole number, not 1.5 (float)"),
        ({"epochs": True}, "epochs must be a whole number, not True (bool)"),
        ({"eta": "0.1"}, "eta must be a number, not '0.1' (str)"),
        ({"standardize": 1}, "standardize must be True or False, not 1 (int)"),
        ({"optimizer": None}, "optimizer must be a text, not None (NoneType)"),
        ({"hidden": 4}, "hidden must be a tuple, not 4"),
        ({"hidden": (4, 2.5)}, "hidden must be a whole number, not 2.5 (float)"),
        (
            {"server_optimizer": "adam"},
            "server_optimizer must be one of fedavg, fedavgm, nesterov, fedadam, fedyogi, not 'adam'",
        ),
        ({"server_eta": -1.0}, "server_eta must be a finite number, 0 or more, not -1.0"),
        ({"run_timeout_s": 1e17}, "run_timeout_s must be from 0 to 1,000,000,000 seconds, not 1e+17"),
        ({"max_time_s": float("inf")}, "max_time_s must be from 0 to 1,000,000,000 seconds, not inf"),
        ({"round_deadline_s": 1.1e9}, "round_deadline_s must be from 0 to 1,000,000,000 seconds, not 1100000000.0"),
        ({"round_deadline_s": -2.0}, "round_deadline_s must be from 0 to 1,000,000,000 seconds, not -2.0"),
        ({"aggregation": "krum"}, "aggregation must be one of mean, median, trimmed, not 'krum'"),
        ({"aggregation": "trimmed"}, "trim must be below half the shards of a round, 1, not 1"),
        (
            {"shards": (SHARD,) * 10, "fraction": 0.4, "aggregation": "trimmed", "trim": 2},
            "trim must be below half the shards of a round, 4, not 2",
        ),
        ({"trim": -1}, "trim must be from 0 to 100,000, not -1"),
        ({"prox_mu": float("nan")}, "prox_mu must be a finite number, 0 or more, not nan"),
        ({"validation": None}, "validation must be a DataFile, not None (NoneType)"),
    ],
)
def test_a_value_that_makes_no_sense_is_named(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRequest) as caught:
        check_run_spec(replace(SPEC, **change))
    assert str(caught.value) == reason


def test_a_run_at_the_bounds_is_fine() -> None:
    shards = (replace(SHARD, file="x" * MAX_FILE_NAME),) * MAX_SHARDS
    check_run_spec(replace(SPEC, name="x" * MAX_NAME, shards=shards))
    check_run_spec(replace(SPEC, run_timeout_s=MAX_SECONDS, max_time_s=MAX_SECONDS, round_deadline_s=MAX_SECONDS))


def test_a_client_may_ask_for_a_trimmed_mean_before_it_knows_the_shards() -> None:
    check_run_spec(replace(SPEC, shards=(), aggregation="trimmed", trim=2))


def test_a_whole_number_will_do_where_any_number_is_asked_for() -> None:
    check_run_spec(replace(SPEC, eta=1, tolerance=np.float64(0.1)))
