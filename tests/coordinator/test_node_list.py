"""The list of nodes is read again when it was edited; a broken edit is told once and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from coordinator.node_list import NodeList, Nodes
from tests.rpc.running import PATIENCE_S, RunningLoop


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nodes.txt"


@pytest.fixture
def looks() -> Queue[Any]:
    """What each look at the file came to."""
    return Queue()


@pytest.fixture
def read(path: Path, looks: Queue[Any]) -> Iterator[Queue[Nodes]]:
    """The nodes of each edit of a file that is watched."""
    running = RunningLoop()
    edits: Queue[Nodes] = Queue()

    def aside(work: Callable[[], Any], done: Callable[[Any], None]) -> None:
        try:
            outcome = work()
        except Exception as error:
            outcome = error
        done(outcome)
        looks.put(outcome)

    running.do(NodeList(running.loop, aside, path, edits.put, every_s=0.01).watch)
    yield edits
    running.close()


def look(looks: Queue[Any], times: int = 3) -> None:
    for _ in range(times):
        looks.get(timeout=PATIENCE_S)


def test_an_edit_is_taken_up(path: Path, read: Queue[Nodes]) -> None:
    path.write_text("a,1\n")
    assert read.get(timeout=PATIENCE_S) == (("a", 1),)
    path.write_text("a,1\nb,2\n")
    assert read.get(timeout=PATIENCE_S) == (("a", 1), ("b", 2))


def test_a_broken_edit_is_told_once_and_changes_nothing(
    path: Path, read: Queue[Nodes], looks: Queue[Any], caplog: pytest.LogCaptureFixture
) -> None:
    path.write_text("a,1\n")
    read.get(timeout=PATIENCE_S)
    path.write_text("a;1\n")
    look(looks, 5)
    assert read.empty()
    (warning,) = [record.getMessage() for record in caplog.records]
    assert warning.startswith(f"{path}:1: 'a;1' is not a node") and warning.endswith("the nodes listed before stay")
    path.write_text("a,12\n")
    assert read.get(timeout=PATIENCE_S) == (("a", 12),)


def test_a_file_that_is_gone_changes_nothing(path: Path, read: Queue[Nodes], looks: Queue[Any]) -> None:
    path.write_text("a,1\n")
    read.get(timeout=PATIENCE_S)
    path.unlink()
    look(looks)
    assert read.empty()
