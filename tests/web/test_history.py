"""What pages remember of nodes: how much of each part of their machines was in use."""

from __future__ import annotations

from rpc.messages import GpuUse, NodeRow, Overview
from web.pages.history import Load, used

PLAIN = NodeRow(
    "a", "", "ready", cpu=0.25, memory_used_bytes=1, memory_total_bytes=4, disk_free_bytes=3, disk_total_bytes=4
)
FAST = NodeRow("b", "", "ready", cpu=1.0, gpus=(GpuUse("x", busy=0.5), GpuUse("x", busy=1.0)))


def seen(*nodes: NodeRow) -> Overview:
    return Overview("0.1.0", "random", 1.0, nodes=nodes)


def test_only_what_a_node_tells_of_its_machine_is_shown() -> None:
    assert used(PLAIN) == {"CPU": 0.25, "memory": 0.25, "disk": 0.25}
    assert used(FAST) == {"CPU": 1.0, "GPU": 0.75}


def test_what_was_in_use_is_kept_every_two_seconds_for_two_minutes() -> None:
    load = Load()
    for second in range(200):
        load.note(seen(PLAIN), float(second))
    assert load.of("a", "CPU") == load.of("a", "disk") == [0.25] * 60
    assert load.of("a", "GPU") == load.of("b", "CPU") == []


def test_a_node_that_is_known_no_more_is_forgotten() -> None:
    load = Load()
    load.note(seen(PLAIN, FAST), 0.0)
    load.note(seen(FAST), 2.0)
    assert load.of("a", "CPU") == [] and load.of("b", "GPU") == [0.75, 0.75]
