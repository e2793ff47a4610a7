"""The gate: every way in which a delta declared good can be bad is refused, and a good one is weighted."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from coordinator.core.workload import Plan, TrainPayload
from coordinator.gate import Weighing, check_shape, check_survey, count_rows
from mlcore.kernels.backend import FloatArray
from mlcore.training import TrainSettings
from rpc.arrays import bytes_of
from rpc.digests import digest
from rpc.errors import BadUpdate
from rpc.messages import ShardSummary, TrainResult, Vector

PLAN = Plan(TrainSettings((1, 2), epochs=3), threads=1)
PAYLOAD = TrainPayload(round=1, shard=0, rows=10, weight=10, plan=PLAN)


def delta() -> FloatArray:
    return np.array([1.0, -2.0, 3.0, 0.5], np.float32)


def weigh(sent: FloatArray, result: TrainResult, payload: TrainPayload, part_bytes: int = 8) -> FloatArray:
    """What comes out of the gate when the bytes go in part by part."""
    weighed = np.empty_like(sent)
    weighing = Weighing(weighed, result, payload)
    data = bytes_of(sent)
    for start in range(0, data.nbytes, part_bytes):
        # Neither aligned nor there any longer than the call, like what comes off the wire.
        part = bytearray(b"odd" + data[start : start + part_bytes])
        weighing.take(memoryview(part)[3:])
        part[:] = bytes(len(part))
    weighing.finish()
    return weighed


def result() -> TrainResult:
    good = delta()
    return TrainResult("a", 1, 10, Vector("float32", 4, digest(bytes_of(good))), 2.0, 3, 0.1)


def test_a_good_delta_is_multiplied_by_its_weight() -> None:
    good = delta()
    check_shape(result(), PAYLOAD)
    assert weigh(good, result(), PAYLOAD).tolist() == [10.0, -20.0, 30.0, 5.0]


@pytest.mark.parametrize("part_bytes", [4 * 100_000, 4 * 65_536, 4 * 1_000])
def test_parts_of_any_size_make_the_same_delta(part_bytes: int) -> None:
    good = np.linspace(-1, 1, 100_000).astype(np.float32)
    sent = replace(result(), delta=Vector("float32", good.size, digest(bytes_of(good))))
    assert (weigh(good, sent, PAYLOAD, part_bytes) == good * np.float32(10)).all()


def test_numbers_whose_squares_overflow_are_finite() -> None:
    good = np.full(4, 1e30, np.float32)
    sent = replace(result(), delta=Vector("float32", 4, digest(bytes_of(good))))
    assert weigh(good, sent, PAYLOAD).tolist() == (good * np.float32(10)).tolist()


@pytest.mark.parametrize(
    ("bad", "part"),
    [
        (replace(result(), delta=Vector("float64", 4, 0)), "float64"),
        (replace(result(), delta=Vector("float32", 3, 0)), "3 float32 where 4"),
        (replace(result(), delta=Vector("float32", 4, 0, data=bytes(17))), "17 bytes"),
        (replace(result(), delta=Vector("float32", 4, 0, data=bytes(12))), "12 bytes"),
        (replace(result(), delta=Vector("float32", 4, 0, data=b"")), "0 bytes"),
        (replace(result(), rows=2**62), "rows"),
        (replace(result(), rows=-1), "rows"),
        (replace(result(), epochs_run=4), "4 epochs run where 3 are due"),
        (replace(result(), epochs_run=-1), "-1 epochs run"),
        (replace(result(), loss=math.nan), "loss"),
        (replace(result(), loss=math.inf), "loss"),
    ],
)
def test_what_does_not_fit_the_task_is_refused_before_its_bytes_are_looked_at(bad: TrainResult, part: str) -> None:
    with pytest.raises(BadUpdate, match=part):
        check_shape(bad, PAYLOAD)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("place", [0, 3])
def test_a_number_that_is_not_finite_is_refused(value: float, place: int) -> None:
    bad = delta()
    bad[place] = value
    sent = replace(result(), delta=Vector("float32", 4, digest(bytes_of(bad))))
    with pytest.raises(BadUpdate, match="NaN or infinity"):
        weigh(bad, sent, PAYLOAD)


def test_a_flipped_bit_is_refused() -> None:
    bad = delta()
    bad.view(np.uint32)[2] ^= 1
    with pytest.raises(BadUpdate, match="damaged"):
        weigh(bad, result(), PAYLOAD)


def test_the_limit_of_the_norm_is_the_users_and_counts_before_the_weight() -> None:
    norm = float(np.linalg.norm(delta()))
    for limit, is_good in ((norm * 1.01, True), (norm * 0.99, False)):
        payload = replace(PAYLOAD, plan=replace(PLAN, max_delta_norm=limit))
        if is_good:
            weigh(delta(), result(), payload)
        else:
            with pytest.raises(BadUpdate, match="--max-delta-norm"):
                weigh(delta(), result(), payload)


def survey() -> ShardSummary:
    """What an honest node says of two rows with one feature and the labels 0 and 2."""
    moments = np.array([1.5]).tobytes()
    return ShardSummary("a", 1, 2, 1, 2, moments, moments, np.array([1, 0, 1], np.int64).tobytes())


def test_an_honest_survey_passes() -> None:
    check_survey(survey(), 2)


@pytest.mark.parametrize(
    "bad",
    [
        replace(survey(), rows=0),
        replace(survey(), rows=-5),
        replace(survey(), rows=2**62),
        replace(survey(), columns=0),
        replace(survey(), columns=-1),
        replace(survey(), columns=2),
        replace(survey(), max_label=2**31 - 1),
        replace(survey(), max_label=-1),
        replace(survey(), max_label=1),
        replace(survey(), mean=b"odd"),
        replace(survey(), m2=np.array([np.nan]).tobytes()),
        replace(survey(), label_counts=np.array([1, 0, 7], np.int64).tobytes()),
    ],
)
def test_a_survey_that_cannot_be_true_is_refused(bad: ShardSummary) -> None:
    with pytest.raises(BadUpdate):
        check_survey(bad, 2)


@pytest.mark.parametrize(
    ("text", "rows"), [(b"", 0), (b"\n", 0), (b"1,0", 1), (b"1,0\n", 1), (b"1,0\r\n2,1\r\n\r\n", 2), (b"1,0\n2,1", 2)]
)
def test_rows_are_counted_from_the_text(text: bytes, rows: int) -> None:
    assert count_rows(text) == rows
