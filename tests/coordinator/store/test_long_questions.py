"""Whoever asks for the status is answered at once, whatever others send or ask meanwhile."""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg

from client.api import Session, connect
from rpc.messages import EventQuery, WorkFilter
from tests.coordinator.test_listing import serving

_AT_ONCE_S = 0.25
_NAME = "sha256:" + 64 * "a"


def slowest_status(session: Session) -> float:
    """Ask for all that `status` and `runs list` show, a few times; return the longest that one answer took."""
    took: list[float] = []
    for _ in range(5):
        for ask in (session.glance, session.status, lambda: session._link.call("page_work", WorkFilter(limit=9))):
            started = monotonic()
            ask()
            took.append(monotonic() - started)
    return max(took)


def aside(threads: ThreadPoolExecutor, session: Session, *call: Any) -> Future[Any]:
    """Make a call on a connection of its own."""

    def ask() -> Any:
        with connect(session.server) as other:
            return other._link.call(*call)

    return threads.submit(ask)


def test_a_file_that_takes_long_holds_up_nobody_else(tmp_path: Path) -> None:
    with serving(tmp_path) as session, ThreadPoolExecutor(1) as threads:
        session.glance()
        file = tmp_path / "blobs" / _NAME.removeprefix("sha256:")
        os.mkfifo(file)  # whoever opens it waits for the other side
        transfer = aside(threads, session, "get_blob", _NAME, 0, 5)
        try:
            assert slowest_status(session) < _AT_ONCE_S
            assert not transfer.done()
        finally:
            file.open("wb").close()
        assert transfer.exception(10) is not None  # it was no file, after all


def test_a_question_that_takes_long_holds_up_nobody_else(tmp_path: Path, postgres_database: str) -> None:
    with serving(tmp_path, store=postgres_database) as session, ThreadPoolExecutor(2) as threads:
        session.glance()
        with psycopg.connect(postgres_database.replace("+psycopg", "")) as other:
            other.execute("LOCK TABLE event")  # for which a question waits 2 s
            questions = [aside(threads, session, "list_events", EventQuery(limit=5)) for _ in range(2)]
            assert slowest_status(session) < _AT_ONCE_S
            assert not any(question.done() for question in questions)
        assert [question.result(10).last >= 0 for question in questions] == [True, True]
