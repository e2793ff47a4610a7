"""A program's rows as a folder of shards: nothing is lost, changed or held out unfairly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mlcore.shards import find_shards, parse_rows
from roundhouse.training_data import hold_out, n_shards, write_folder

Labels = NDArray[np.float64]
labels_of_rows = st.lists(st.integers(0, 4), min_size=1, max_size=300).map(lambda each: np.array(each, np.float64))
fractions = st.floats(0, 1, exclude_max=True)


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@given(labels_of_rows, fractions)
def test_every_row_trains_or_validates(labels: Labels, fraction: float) -> None:
    train, validation = hold_out(labels, fraction, rng())
    assert sorted({*train, *validation}) == list(range(len(labels)))
    assert len(set(train)) == len(train)


@given(labels_of_rows, fractions)
def test_no_class_is_held_out_as_a_whole(labels: Labels, fraction: float) -> None:
    train, _ = hold_out(labels, fraction, rng())
    assert set(labels[train]) == set(labels)


def test_each_class_gives_its_share() -> None:
    labels = np.repeat([0.0, 1.0, 2.0], [200, 100, 50])
    train, validation = hold_out(labels, 0.1, rng())
    assert np.bincount(labels[validation].astype(int)).tolist() == [20, 10, 5]
    assert not set(train) & set(validation)


@pytest.mark.parametrize(("rows", "fraction"), [(90, 0.1), (500, 0.0)])
def test_too_few_rows_to_hold_out_train_and_validate(rows: int, fraction: float) -> None:
    train, validation = hold_out(np.zeros(rows), fraction, rng())
    assert sorted(train) == sorted(validation) == list(range(rows))


def test_rows_are_shuffled_the_same_way_each_time() -> None:
    labels = np.repeat([0.0, 1.0], 100)
    first, again = (hold_out(labels, 0.2, rng())[0] for _ in range(2))
    assert (first == again).all()
    assert 0.3 < labels[first[:80]].mean() < 0.7


@pytest.mark.parametrize(
    ("rows", "wanted", "made"), [(1, None, 1), (9_000, None, 2), (10**6, None, 16), (5, 8, 5), (9_000, 3, 3)]
)
def test_the_number_of_shards_follows_from_the_rows_alone(rows: int, wanted: int | None, made: int) -> None:
    assert n_shards(rows, wanted) == made


@given(arrays(np.float64, (7, 3), elements=st.floats(allow_nan=False, allow_infinity=False)), st.integers(1, 7))
def test_numbers_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, features: NDArray[np.float64], shards: int
) -> None:
    folder = tmp_path_factory.mktemp("rows")
    table = np.column_stack((features, np.arange(7.0)))
    write_folder(folder, table, table[:2], shards)
    files = find_shards(folder)
    assert len(files.train) == shards
    read = [parse_rows(path.read_bytes(), name=path.name) for path in files.train]
    assert np.concatenate([shard.x for shard in read]).astype(np.float64).tobytes() == features.tobytes()
    assert np.concatenate([shard.y for shard in read]).tolist() == list(range(7))
    assert parse_rows(files.validation.read_bytes(), name="validation").y.tolist() == [0, 1]


def test_small_whole_numbers_stay_plain_digits(tmp_path: Path) -> None:
    write_folder(tmp_path, np.array([[1.0, 255.0, 0.0]], np.float64), np.array([[2.5, -1.0, 1.0]], np.float64), 1)
    assert (tmp_path / "train_rows1.txt").read_text() == "1,255,0\n"
    assert (tmp_path / "validate_rows.txt").read_text() == "2.5,-1,1\n"
