"""Runs on the same data share the list of its files."""

from __future__ import annotations

from coordinator.file_lists import with_shared_files
from rpc.codec import from_bytes, to_bytes
from rpc.messages import RunSpec
from tests.coordinator.runs import spec


def test_runs_on_the_same_data_hold_one_list_of_files() -> None:
    one, other = (from_bytes(RunSpec, to_bytes(spec(3, eta=eta))) for eta in (0.1, 0.2))
    assert one.shards is not other.shards
    shared = with_shared_files(one), with_shared_files(other)
    assert shared == (one, other) and shared[0].shards is shared[1].shards
