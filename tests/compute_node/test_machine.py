"""What a node finds out about its machine."""

from __future__ import annotations

from compute_node.machine import cores, labels


def test_every_machine_has_these_labels() -> None:
    found = labels()
    assert set(found) == {"os", "arch", "python", "cpu", "cores", "memory"}
    assert all(found.values())
    assert found["cores"] == str(cores())
    assert found["memory"].endswith(" GiB")
