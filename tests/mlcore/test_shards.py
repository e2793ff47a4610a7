"""Which files are the data, and rows made ready to train on."""

import re
from pathlib import Path

import numpy as np
import pytest

from mlcore.shards import (
    DataError,
    Shard,
    check_labels,
    find_shards,
    merge_stats,
    parse_rows,
    prepare,
    standardizer,
    survey,
)
from tests.mlcore.letters_data import LETTERS


def make(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).write_text("1,2,0\n")
    return folder


def test_shards_are_ordered_by_number_and_gaps_are_fine(tmp_path: Path) -> None:
    make(tmp_path, "train_digits10.txt", "train_digits9.txt", "train_digits2.txt", "validate_digits.txt")
    make(tmp_path, "README", "train_digits.txt", "train_digits3.csv")
    dataset = find_shards(tmp_path)
    assert [path.name for path in dataset.train] == [
        "train_digits2.txt",
        "train_digits9.txt",
        "train_digits10.txt",
    ]
    assert dataset.validation.name == "validate_digits.txt"


def test_a_name_may_hold_digits_and_spaces(tmp_path: Path) -> None:
    make(tmp_path, "train_my set 2_1.txt", "train_my set 2_2.txt", "validate_my set 2_.txt")
    assert len(find_shards(tmp_path).train) == 2


def test_the_letters_are_ten_shards_of_1600_rows() -> None:
    dataset = find_shards(LETTERS)
    shards = [parse_rows(path.read_bytes(), name=path.name) for path in dataset.train]
    assert [shard.x.shape for shard in shards] == [(1600, 16)] * 10
    assert {shard.x.dtype.name for shard in shards} == {"uint8"}
    assert merge_stats([survey(shard) for shard in shards]).max_label == 25


@pytest.mark.parametrize(
    ("names", "what"),
    [
        ([], "{dir}: no train_<name><N>.txt in it"),
        (["train_a1.txt"], "{dir}: no validate_a.txt in it"),
        (["train_a1.txt", "validate_a.txt", "validate_b.txt"], "{dir}/validate_b.txt: a second validation"),
        (["train_a1.txt", "validate_b.txt"], "{dir}/validate_b.txt: does not belong to train_a<N>.txt"),
        (
            ["train_a1.txt", "train_a01.txt", "validate_a.txt"],
            "{dir}/train_a1.txt: same number as train_a01.txt",
        ),
        (
            ["train_a1.txt", "train_b2.txt", "validate_a.txt"],
            "{dir}/train_b2.txt: another name than train_a1",
        ),
    ],
)
def test_a_folder_that_is_not_a_dataset_is_told_why(tmp_path: Path, names: list[str], what: str) -> None:
    with pytest.raises(DataError, match=re.escape(what.format(dir=tmp_path))):
        find_shards(make(tmp_path, *names))


def test_no_folder_and_not_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: no such folder"):
        find_shards(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"file\.txt: not a folder"):
        find_shards(make(tmp_path, "file.txt") / "file.txt")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_bytes_and_floats_of_the_same_values_are_prepared_to_the_same_bits(dtype: str) -> None:
    plain = parse_rows((LETTERS / "train_letters1.txt").read_bytes(), name="t")
    floats = Shard(plain.x.astype(np.float64), plain.y)
    offset, scale = standardizer(survey(plain))
    for arguments in ({}, {"offset": offset, "scale": scale}):
        first, second = (prepare(shard, dtype=dtype, **arguments)[0] for shard in (plain, floats))
        assert first.dtype == dtype
        assert first.tobytes() == second.tobytes()


def test_standardized_columns_have_mean_0_and_deviation_1() -> None:
    shard = parse_rows((LETTERS / "train_letters1.txt").read_bytes(), name="t")
    offset, scale = standardizer(survey(shard))
    x, y = prepare(shard, dtype="float64", offset=offset, scale=scale)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(x.std(axis=0), 1)
    assert y is shard.y


def test_a_label_that_is_not_below_the_number_of_classes_is_named_with_its_line() -> None:
    shard = parse_rows(b"1,0\n2,3\n3,7\n", name="t")
    check_labels(shard, 8, name="t")
    check_labels(shard, 0, name="t")
    with pytest.raises(DataError, match=r"^a\.txt:3: label 7 is not below k = 7; give a larger --k$"):
        check_labels(shard, 7, name="a.txt")
