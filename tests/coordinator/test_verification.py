"""What a verification compares with, from what the store has of the run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from coordinator.core.updates import Update, updates_to_json
from coordinator.core.verifying import Recorded
from coordinator.store.changes import RoundDone
from coordinator.verification import recorded_of
from rpc.errors import BadRequest
from rpc.messages import DataFile, RoundRow, RunSpec
from tests.coordinator.store.stores import open_store, submitted

SPEC = RunSpec("verify a", (), DataFile("validate_x.txt", "", 0), 3, 1, (2,), verifies="a", sample=1.0)


def recorded(folder: Path, nodes: Mapping[int, str], classes: Mapping[str, str]) -> Recorded:
    """What is recorded of a run of 3 rounds; `nodes` did the one shard of those whose digests are stored."""
    with open_store(folder / "store.db") as store:
        store.write(
            1, [submitted("a"), *(RoundDone("a", RoundRow(each), _detail(nodes, classes, each)) for each in _ROUNDS)]
        )
        return recorded_of(SPEC, store.reader)


_ROUNDS = (1, 2, 3)


def _detail(nodes: Mapping[int, str], classes: Mapping[str, str], number: int) -> dict[str, object]:
    if number not in nodes:
        return {}
    return {"updates": updates_to_json({0: Update(number, nodes[number])}, lambda node: classes[node])}


def test_a_run_with_all_its_digests_can_be_compared_with(tmp_path: Path) -> None:
    found = recorded(tmp_path, {1: "n1", 2: "n2", 3: "n1"}, {"n1": "avx2", "n2": "avx2"})
    assert found.numeric_class == "avx2"
    assert [(place, update.digest) for place, update in found.updates.items()] == [
        ((1, 0), 1),
        ((2, 0), 2),
        ((3, 0), 3),
    ]


def test_a_run_without_any_digests_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no round of a is stored with its digests; wait for its first one"):
        recorded(tmp_path, {}, {})


def test_a_run_that_lacks_the_digests_of_a_round_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="a cannot be verified: round 2 is stored without its digests"):
        recorded(tmp_path, {1: "n1", 3: "n1"}, {"n1": "avx2"})


def test_a_run_of_two_numeric_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="a cannot be verified: its updates are of the numeric classes avx2, avx512"):
        recorded(tmp_path, {1: "n1", 2: "n2", 3: "n1"}, {"n1": "avx512", "n2": "avx2"})
