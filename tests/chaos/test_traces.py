"""What is read from logs: which tasks were lost, and how soon they ran elsewhere."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from tests.chaos.mischief import Strike
from tests.chaos.traces import Lost, percentile, reassignments, starts

NODES = ["node-0", "node-1"]


def at(second: float) -> float:
    return datetime(2026, 11, 22, 12).timestamp() + second


def write(folder: Path, log: str, *said: tuple[float, str]) -> None:
    stamps = ((datetime.fromtimestamp(at(second)).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3], text) for second, text in said)
    (folder / log).write_text("".join(f"{stamp} INFO compute_node.attempts: {text}\n" for stamp, text in stamps))


def test_the_last_task_of_a_killed_node_is_found_where_it_runs_next(tmp_path: Path) -> None:
    write(
        tmp_path, "node-0.1.log", (1, "task r/1/0#1: started (round 1, a.txt)"), (2, "task r/1/1#2: started (round 1")
    )
    write(tmp_path, "node-0.2.log", (9, "task r/2/0#5: started (round 2, a.txt)"))
    write(tmp_path, "node-1.3.log", (1, "task r/1/2#3: started"), (3.5, "task r/1/1#4: its result was kept"))
    assert [task for _, task in starts(tmp_path, "node-0")] == ["r/1/0", "r/1/1", "r/2/0"]
    strikes = [Strike("node-0", "killed", at(3.0), at(4.0))]
    assert reassignments(tmp_path, NODES, strikes) == [Lost("killed", 0.5)]


def test_a_task_that_was_done_is_not_lost_and_an_absent_coordinator_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, "node-0.1.log", (1, "task r/1/0#1: started"), (20, "task r/1/1#2: started"))
    write(tmp_path, "node-1.2.log", (24, "task r/1/1#3: started"), (25, "garbage"))
    done = Strike("node-0", "killed", at(10.0), at(11.0))
    lost = Strike("node-0", "killed", at(22.0), at(23.0))
    assert reassignments(tmp_path, NODES, [done]) == []
    assert reassignments(tmp_path, NODES, [lost, Strike("coordinator", "killed", at(21.0), at(22.5))]) == []
    assert reassignments(tmp_path, NODES, [lost, Strike("coordinator", "killed", at(1.0), at(2.0))]) == [
        Lost("killed", 2.0)
    ]


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([3.0, 1.0, 2.0], share) for share in (0.0, 0.5, 0.99)] == [1.0, 2.0, 3.0]
