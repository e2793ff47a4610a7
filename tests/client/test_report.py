"""Progress: what a person sees in a log file."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from client.report import PlainReport, QuietReport, make_report
from rpc.messages import EventRow, News
from tests.client.fake import RUNNING, event

TRAINING = replace(RUNNING, rounds=3, round=1, tasks_done=14, tasks_total=30, validation_error=0.64124)


def plain(*news: News) -> list[str]:
    stream = io.StringIO()
    report = PlainReport(stream)
    for each in news:
        report.on_news(each)
    return stream.getvalue().splitlines()


def test_a_log_file_gets_a_line_for_each_round_and_trouble_with_its_place() -> None:
    lost = EventRow(3, 0, "lost", "r7", "10.0.0.7:9091", 2, 0, "connection closed")
    news = News(
        TRAINING,
        (
            event(1, "surveyed", "10 shards, 16000 rows; layers 16-24-26"),
            event(2, "round done", "validation error 0.6412", round_number=1),
            lost,
            event(4, "rejected", "busy"),
            event(5, "round started", "round 2 of 3"),
            event(6, "failed", "the whole run: told as its result"),
        ),
    )
    assert plain(news) == [
        "surveyed: 10 shards, 16000 rows; layers 16-24-26",
        "round 1 of 3: validation error 0.6412",
        "lost: node 10.0.0.7:9091, round 2, shard 1: connection closed",
    ]


def test_a_log_file_tells_of_a_wait_that_lasts_and_of_it_once() -> None:
    waiting = News(replace(TRAINING, waiting_for="a node"))
    assert plain(waiting, News(TRAINING)) == []
    assert plain(waiting, waiting, waiting) == ["waiting for a node"]


@pytest.mark.parametrize(("quiet", "kind"), [(True, QuietReport), (False, PlainReport)])
def test_no_terminal_means_plain_lines(quiet: bool, kind: type) -> None:
    assert type(make_report(quiet, io.StringIO())) is kind
