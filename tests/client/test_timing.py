"""The timing table."""

from __future__ import annotations

from dataclasses import replace

from client.timing import timing_table, totals
from rpc.messages import RoundRow, WorkDetail
from tests.client.fake import COMPLETED, DETAIL


def test_every_round_has_a_row_and_the_last_row_sums_them() -> None:
    lines = timing_table(WorkDetail(COMPLETED, DETAIL), upload_s=0.25).splitlines()
    assert lines[:2] == ["run-7 (data): completed", "data sent in 0.250 s, run took 2.500 s"]
    assert lines[3].split()[:3] == ["round", "error", "seconds"]
    assert lines[3].split()[-1] == "epochs"
    assert lines[4].split()[:3] == ["1", "0.5000", "1.2500"]
    assert lines[6].split()[:2] == ["all", "2.2500"]
    assert lines[6].split()[-1] == "12"
    assert "1234 bytes sent to the nodes, 567 received" in lines


def test_a_round_not_validated_yet_has_a_dash() -> None:
    detail = replace(DETAIL, rounds=(RoundRow(round=1, seconds=1.0),))
    assert timing_table(WorkDetail(COMPLETED, detail), 0.0).splitlines()[4].split()[:2] == ["1", "-"]


def test_the_commit_of_a_round_is_a_column_and_a_dash_where_nobody_knows() -> None:
    rounds = (RoundRow(1, commit_s=0.05), RoundRow(2))
    lines = timing_table(WorkDetail(COMPLETED, replace(DETAIL, rounds=rounds)), 0.0).splitlines()
    place = lines[3].split().index("commit")
    assert [line.split()[place] for line in lines[4:6]] == ["0.0500", "-"]


def test_a_run_that_failed_before_its_first_round_has_a_table_too() -> None:
    detail = replace(DETAIL, rounds=())
    assert totals(detail)["compute_s"] == 0
    assert "all" in timing_table(WorkDetail(COMPLETED, detail), 0.0)
