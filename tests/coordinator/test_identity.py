"""Who a coordinator is to its nodes, over restarts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coordinator.identity import keep_identity, next_identity
from rpc.errors import BadData


def test_with_a_data_folder_the_id_stays_and_the_epoch_grows(tmp_path: Path) -> None:
    first = next_identity(tmp_path / "data")
    keep_identity(tmp_path / "data", first)
    second = next_identity(tmp_path / "data")
    assert second.id == first.id and second.epoch > first.epoch


def test_the_epoch_grows_even_when_the_clock_was_set_back(tmp_path: Path) -> None:
    (tmp_path / "identity.json").write_text(json.dumps({"id": "x", "epoch": 2**60}))
    assert next_identity(tmp_path).epoch == 2**60 + 1


def test_without_a_folder_every_start_is_another_coordinator() -> None:
    assert next_identity(None).id != next_identity(None).id


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"id": "x", "epoch": "y"}'])
def test_a_file_that_is_not_ours_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "identity.json").write_text(text)
    with pytest.raises(BadData, match=r"identity\.json"):
        next_identity(tmp_path)
