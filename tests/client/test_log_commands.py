"""`client.py logs`: what is printed of a log that is there, grows, or has lost its middle."""

from __future__ import annotations

import json
import re
from threading import Thread

import pytest

from client.api import connect
from rpc.errors import ExitCode
from rpc.kept_log import Record
from rpc.messages import LogPage
from tests.client.conftest import Ended, RunClient
from tests.client.fake import Serving
from tests.client.fake_jobs import JOB_ID, RECORDS, log_of


@pytest.fixture
def logs(coordinator: Serving, run_client: RunClient) -> RunClient:
    def run(*words: object) -> Ended:
        return run_client("logs", JOB_ID, *words, "--server", coordinator.address)

    return run


def told(ended: Ended) -> list[str]:
    """The text of each line that was printed."""
    assert (ended.status, ended.err) == (ExitCode.DONE, "")
    return [re.split(" {2,}", line, maxsplit=3)[-1] for line in ended.out.splitlines()]


def test_a_line_tells_when_where_and_how_bad(logs: RunClient) -> None:
    line = logs().out.splitlines()[2]
    assert line.split()[2:] == ["stderr", "WARNING", "WARNING:", "slow"]


@pytest.mark.parametrize(
    ("level", "wanted"), [("INFO", [0, 1, 2, 3, 4]), ("WARNING", [2, 4]), ("ERROR", [4]), ("PROGRESS", [3])]
)
def test_levels_choose_lines(logs: RunClient, level: str, wanted: list[int]) -> None:
    assert told(logs("--level", level)) == [RECORDS[each].text for each in wanted]


@pytest.mark.parametrize("n", [0, 1, 3, 9])
def test_the_tail_is_the_last_lines(logs: RunClient, n: int) -> None:
    assert told(logs("--tail", n)) == [record.text for record in RECORDS][max(0, 5 - n) :]


def test_a_tail_of_rare_lines_is_looked_for_further_up(logs: RunClient, coordinator: Serving) -> None:
    rare = Record(1, "e", "e", "ERROR: long ago")
    coordinator.fake.log = log_of(rare, *(Record(n, "o", "i", "x" * 90) for n in range(9_000)), rare)
    assert told(logs("--tail", 2, "--level", "ERROR")) == [rare.text] * 2


def test_an_offset_inside_a_line_begins_with_the_next_one(logs: RunClient) -> None:
    assert told(logs("--offset", len(RECORDS[0].encoded()) + 1)) == [record.text for record in RECORDS[2:]]


def test_json_tells_where_to_go_on(logs: RunClient, coordinator: Serving) -> None:
    about = json.loads(logs("--json").out)
    assert [record["text"] for record in about["records"]] == [record.text for record in RECORDS]
    assert (about["next_offset"], about["is_whole"]) == (len(coordinator.fake.log), True)


def test_follow_goes_on_until_the_job_is_over(logs: RunClient, coordinator: Serving) -> None:
    first, second = log_of(*RECORDS[:2]), log_of(*RECORDS[2:])
    end = len(first) + len(second)
    coordinator.fake.pages = [
        LogPage(first, 0, len(first)),
        LogPage(b"", len(first), len(first)),
        LogPage(second, len(first), end, is_whole=True),
    ]
    lines = [json.loads(line) for line in logs("-f", "--json").out.splitlines()]
    assert [len(line["records"]) for line in lines] == [2, 3]
    assert [coordinator.fake.log_asked.get_nowait() for _ in range(3)] == [0, len(first), len(first)]


def test_what_is_not_kept_is_told_in_its_place(logs: RunClient, coordinator: Serving) -> None:
    head, tail = log_of(RECORDS[0]), log_of(RECORDS[4])
    after = len(head) + 1234
    coordinator.fake.pages = [
        LogPage(head, 0, len(head)),
        LogPage(tail, after, after + len(tail), is_whole=True),
    ]
    gap = "1,234 bytes of the log before this are not kept"
    assert told(logs()) == [RECORDS[0].text, gap, RECORDS[4].text]


def test_a_coordinator_that_has_yet_to_hear_what_it_told_tells_nothing_twice(
    logs: RunClient, coordinator: Serving
) -> None:
    first, whole = log_of(*RECORDS[:3]), log_of(*RECORDS)
    coordinator.fake.pages = [
        LogPage(first, 0, len(first)),
        LogPage(b"", 10, 10),  # after a restart
        LogPage(whole[len(first) :], len(first), len(whole), is_whole=True),
    ]
    assert told(logs("-f")) == [record.text for record in RECORDS]


def test_following_a_log_outlives_a_restart_of_the_coordinator(coordinator: Serving) -> None:
    fake = coordinator.fake
    fake.log, fake.log_is_whole = log_of(*RECORDS[:2]), False
    seen: list[str] = []
    with connect(coordinator.address) as session:
        job = session.job(JOB_ID)
        follower = Thread(target=lambda: seen.extend(record.text for record in job.logs(follow=True)))
        follower.start()
        assert [fake.log_asked.get(timeout=10) for _ in range(2)] == [0, len(fake.log)]
        fake.log, fake.log_is_whole = log_of(*RECORDS), True
        coordinator.drop_everybody()
        follower.join(30)
    assert seen == [record.text for record in RECORDS]
