"""Ended runs are removed with all that is stored of them: by order, and beyond those to keep."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from client.api import Session
from rpc.blobs import blob_name
from rpc.errors import BadRequest, NotFound
from rpc.messages import DataFile, EventQuery
from tests.coordinator.test_listing import SPEC, serving, submit
from tests.system.cluster import wait_until

_DATA = b"3,4,1\n"
_DAY_S = 86_400.0
_NAMES = [f"sha256:{digit * 64}" for digit in "abcd"]


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    with serving(tmp_path) as session:
        yield session


def ended(session: Session, n_runs: int, **settings: str) -> list[str]:
    """Start and cancel runs; return their ids, the newest first."""
    in_order = submit(session, n_runs, **settings)[::-1]
    return [session.run(each).cancel().id for each in in_order][::-1]


def age(folder: Path, seconds: float) -> None:
    """Make all files of blobs so much older."""
    for file in (folder / "blobs").iterdir():
        at = file.stat().st_mtime - seconds
        os.utime(file, (at, at))


def test_what_is_removed_is_not_known_any_more_and_its_key_is_free(session: Session) -> None:
    first, kept = ended(session, 1, key="monday")[0], ended(session, 1)[0]
    (row,) = session.remove_runs(["monday"])
    assert (row.id, row.state) == (first, "cancelled")
    assert [each.id for each in session.runs()] == [kept]
    assert [each.id for each in session.glance().work] == [kept]
    assert not session.events(EventQuery(work=first, limit=9)).events
    for ask in (session.run, lambda name: session._link.call("get_spec", name)):
        with pytest.raises(NotFound):
            ask(first)
    assert submit(session, 1, key="monday") != [first]


def test_of_several_all_are_removed_or_none(session: Session) -> None:
    done, (waits,) = ended(session, 23), submit(session, 1)
    with pytest.raises(BadRequest, match=f"{waits} is pending; only what has ended can be removed: cancel it first"):
        session.remove_runs([*done, waits])
    with pytest.raises(NotFound, match="'nobody'"):
        session._link.call("remove_work", (*done, "nobody"))
    assert len(session.runs()) == 24
    assert [row.id for row in session.remove_runs([*done, done[0]])] == done
    assert [row.id for row in session.runs()] == [waits]


def test_the_files_of_removed_runs_go_unless_another_needs_them(session: Session, tmp_path: Path) -> None:
    name = blob_name(_DATA)
    session._link.call("put_blob", name, len(_DATA), 0, _DATA)
    file = DataFile("train_more1.txt", name, len(_DATA))
    shared, other = ended(session, 1)[0], session.start(replace(SPEC, shards=(file,))).cancel().id
    stays = SPEC.validation.blob.removeprefix("sha256:")
    session.remove_runs([other])
    assert (tmp_path / "blobs" / name.removeprefix("sha256:")).exists(), "somebody may be about to submit a run on it"
    age(tmp_path, 2 * _DAY_S)
    session.remove_runs([shared])
    wait_until(lambda: not (tmp_path / "blobs" / stays).exists(), "nothing names it now")


def test_after_a_restart_only_the_runs_to_keep_are_there(tmp_path: Path) -> None:
    with serving(tmp_path) as session:
        done, (waits,) = ended(session, 25), submit(session, 1)
    with serving(tmp_path, keep_runs=3) as session:
        wait_until(lambda: len(session.runs()) == 4, "the others are removed")
        assert [row.id for row in session.runs()] == [waits, *done[:3]]


def test_at_start_files_go_that_nothing_names_and_uploads_that_nobody_went_on_with(tmp_path: Path) -> None:
    with serving(tmp_path) as session:
        submit(session, 1)
    blobs = tmp_path / "blobs"
    old, new, old_part, new_part = (blobs / name.removeprefix("sha256:") for name in _NAMES)
    old.write_bytes(b"unnamed")
    old_part.with_suffix(".part").write_bytes(b"begun")
    age(tmp_path, 2 * _DAY_S)
    new.write_bytes(b"for a run to come")
    new_part.with_suffix(".part").write_bytes(b"begun")
    with serving(tmp_path) as session:
        wait_until(lambda: not old.exists() and not old_part.with_suffix(".part").exists(), "the old ones go")
        assert new.exists()
        assert session._link.call("put_blob", _NAMES[3], 99, 0, b"").have == len(b"begun")
        assert session._link.call("get_blob", SPEC.validation.blob, 0, 9)
