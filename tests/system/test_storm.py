"""Nodes that all lost their coordinator at once come back spread out, and none of them dies of it."""

from __future__ import annotations

from pathlib import Path

from tests.system.storm import storm

NODES = 200  # of 1,000 the same holds: `python -m tests.system.storm 1000` takes half a minute


def test_many_nodes_come_back_to_a_restarted_coordinator_spread_out(tmp_path: Path) -> None:
    found = storm(NODES, tmp_path, "--beat", "0.5", "--lease", "3", hold_s=4.0)
    assert found.registered_s <= 30.0, found
    assert found.densest <= NODES / 2, found
    assert found.lost == 0, found
    assert found.call_p99_s <= 1.0, found
