"""From the survey of a run's data to the plan of its tasks."""

from __future__ import annotations

import numpy as np
import pytest

from coordinator.core.planning import make_plan
from rpc.errors import BadData
from rpc.messages import ShardSummary
from tests.coordinator.runs import VALIDATION, spec


def summary_of(x: np.ndarray[tuple[int, int], np.dtype[np.float64]], max_label: int = 3) -> ShardSummary:
    mean = x.mean(axis=0)
    m2 = ((x - mean) ** 2).sum(axis=0)
    counts = np.zeros(max_label + 1, "<i8")
    return ShardSummary("", 0, len(x), x.shape[1], max_label, mean.tobytes(), m2.tobytes(), counts.tobytes())


def summary(columns: int = 4, max_label: int = 3) -> ShardSummary:
    return ShardSummary("", 0, 100, columns, max_label)


def test_layers_follow_from_the_data_and_the_hidden_widths() -> None:
    plan = make_plan(spec(hidden=(8, 6)), [summary(), summary()], VALIDATION)
    assert plan.settings.layers == (4, 8, 6, 4)
    assert plan.class_key == "float32/1"


@pytest.mark.parametrize(("labels", "classes"), [((3, 7), 8), ((3, 2), 4), ((0, 0), 4)])
def test_classes_are_inferred_over_all_files(labels: tuple[int, int], classes: int) -> None:
    plan = make_plan(spec(), [summary(max_label=label) for label in labels], VALIDATION)
    assert plan.settings.layers[-1] == classes


def test_classes_that_are_given_are_taken() -> None:
    plan = make_plan(spec(classes=26), [summary(), summary()], VALIDATION)
    assert plan.settings.layers[-1] == 26


def test_columns_that_differ_are_an_error_that_names_the_file() -> None:
    with pytest.raises(BadData, match=r"train_x1.txt: 5 features a row, but train_x0.txt has 4"):
        make_plan(spec(), [summary(), summary(columns=5)], VALIDATION)
    with pytest.raises(BadData, match=r"validate_x.txt: 4 features a row, but train_x0.txt has 5"):
        make_plan(spec(), [summary(columns=5), summary(columns=5)], VALIDATION)


def test_an_absurdly_large_model_is_an_error() -> None:
    with pytest.raises(BadData, match="weights"):
        make_plan(spec(hidden=(10_000_000, 10_000_000)), [summary(), summary()], VALIDATION)


def test_standardization_is_that_of_all_rows_together() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.standard_normal((30, 4)) * 3.0 + 1.0, rng.standard_normal((50, 4))
    together = np.concatenate([first, second])
    plan = make_plan(spec(standardize=True), [summary_of(first), summary_of(second)], VALIDATION)
    standardized = (together - np.frombuffer(plan.offset)) / np.frombuffer(plan.scale)
    np.testing.assert_allclose(standardized.mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(standardized.std(axis=0), 1.0, rtol=1e-12)


def test_without_standardization_the_plan_has_none() -> None:
    plan = make_plan(spec(), [summary(), summary()], VALIDATION)
    assert (plan.offset, plan.scale) == (b"", b"")
