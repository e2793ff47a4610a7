"""Lists of work, asked of a whole coordinator without nodes: nothing that is submitted begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from client.api import Session, connect
from coordinator.config import CoordinatorConfig
from coordinator.coordinator import Coordinator
from coordinator.core.policies import RoundRobin
from rpc.blobs import blob_name
from rpc.errors import BadRequest, NotFound
from rpc.messages import DataFile, RunSpec, WorkFilter

_PATIENCE_S = 20.0
_ROW = b"1,2,0\n"
_FILE = DataFile("train_toy1.txt", blob_name(_ROW), len(_ROW))
SPEC = RunSpec("toy", (_FILE,), replace(_FILE, file="validate_toy.txt"), rounds=1, epochs=1, hidden=(2,))


@contextmanager
def serving(folder: Path, **settings: Any) -> Iterator[Session]:
    """A session with a coordinator that keeps its files in the folder, and its store, too, if no other is named."""
    coordinator = Coordinator(CoordinatorConfig(0, "round-robin", data_dir=str(folder), **settings), RoundRobin())
    thread = Thread(target=coordinator.run)
    thread.start()
    try:
        with connect(f"127.0.0.1:{coordinator.address[1]}") as session:
            session._link.call("put_blob", _FILE.blob, _FILE.size, 0, _ROW)
            yield session
    finally:
        coordinator.stop()
        thread.join(_PATIENCE_S)
        assert not thread.is_alive()


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with serving(tmp_path) as session:
        yield session


def submit(session: Session, n_runs: int, **settings: str) -> list[str]:
    """Start runs; return their ids, the newest first."""
    return [session.start(replace(SPEC, **settings)).id for _ in range(n_runs)][::-1]  # type: ignore[arg-type]


def test_lists_go_from_the_newest_to_the_oldest_by_state_and_owner(session: Session) -> None:
    of_ann, of_bob = submit(session, 3, owner="ann"), submit(session, 2, owner="bob")
    session.run(of_ann[1]).cancel()
    assert [row.id for row in session.runs()] == of_bob + of_ann
    assert [row.id for row in session.runs(limit=3)] == [*of_bob, of_ann[0]]
    assert [row.id for row in session.runs(owner="ann", states=("pending",))] == [of_ann[0], of_ann[2]]
    assert [(row.id, row.owner) for row in session.runs(states=("cancelled", "failed"))] == [(of_ann[1], "ann")]


def test_a_restart_changes_no_list(tmp_path: Path) -> None:
    with serving(tmp_path) as session:
        ids = submit(session, 3)
        session.run(ids[1]).cancel()
        before = session.runs()
    with serving(tmp_path) as session:
        assert session.runs() == before
        assert session.run("latest").id == ids[0]


def test_a_run_is_found_by_id_key_and_the_beginning_of_its_id(session: Session) -> None:
    (first,) = submit(session, 1, key="monday")
    others = submit(session, 9)  # the last of which has an id that begins as that of the first
    assert session.run("monday").id == session.run(first).id == first
    assert session.run(others[0]).id == session.run("latest").id == others[0]
    assert session.run(others[3][:-1] + others[3][-1]).id == others[3]
    with pytest.raises(BadRequest, match=rf"'run-' may be {others[0]}, {others[1]}, .* and more; give the whole id"):
        session.run("run-")
    with pytest.raises(NotFound, match="no run or job is called 'run_', by id, key or the beginning of an id"):
        session.run("run_")  # no wildcard


def test_before_the_first_run_there_is_no_latest(session: Session) -> None:
    with pytest.raises(NotFound, match="there is no run yet"):
        session.run("latest")


def test_the_overview_shows_the_newest_and_counts_the_rest(session: Session) -> None:
    ids = submit(session, 130)
    overview = session.status()
    assert [row.id for row in overview.work] == ids[:100]
    assert (overview.pending, overview.running) == (130, 0)


@pytest.mark.parametrize("limit", [0, 1001])
def test_a_page_has_a_limit(session: Session, limit: int) -> None:
    with pytest.raises(BadRequest, match=f"limit must be from 1 to 1,000, not {limit}"):
        session._link.call("page_work", WorkFilter(limit=limit))


def test_a_state_that_is_none_is_refused(session: Session) -> None:
    with pytest.raises(BadRequest, match="no work is 'done'; it is pending, running, completed, failed, cancelled"):
        session.runs(states=("done",))
