"""Ids of runs, which no other start of a coordinator gave; and how many works of one owner there may be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.config import Quotas
from coordinator.submissions import name_of_start
from roundhouse import connect
from rpc.errors import TooMany
from tests.coordinator.test_listing import serving, submit

EPOCHS = st.integers(1_700_000_000_000, 2_500_000_000_000)


@given(EPOCHS, EPOCHS)
def test_two_starts_have_two_names(one: int, other: int) -> None:
    assert (name_of_start(one) == name_of_start(other)) == (one == other)


def test_starts_a_moment_apart_or_hours_apart_differ_in_their_first_letters() -> None:
    now = 1_800_000_000_000
    starts = (now, now + 1, now + 40, now + (1 << 24))
    assert len({name_of_start(start)[:4] for start in starts}) == len(starts)
    assert len(name_of_start(now)) == 8


def test_an_owner_has_so_many_works_open_and_others_have_theirs(tmp_path: Path) -> None:
    with serving(tmp_path, quotas=Quotas(open_works=3)) as session:
        first = submit(session, 1, owner="ann", key="monday")
        submit(session, 2, owner="ann")
        with pytest.raises(TooMany, match=r"ann has 3 runs and jobs .*, and may have 3 \(--max-open-per-owner\)"):
            submit(session, 1, owner="ann")
        assert submit(session, 1, owner="ann", key="monday") == first, "it was submitted before"
        submit(session, 1, owner="bob")
        session.run(first[0]).cancel()
        submit(session, 1, owner="ann")


def test_each_job_of_an_array_counts_and_the_array_itself_does_not(tmp_path: Path) -> None:
    with serving(tmp_path, quotas=Quotas(open_works=5)) as session:
        with pytest.raises(TooMany, match="6 more are too many"):
            session.submit_script(code="1", array="1-6")
        array = session.submit_script(code="1", array="1-4")
        session.submit_script(code="1")
        with pytest.raises(TooMany, match="has 5 runs and jobs"):
            session.submit_script(code="1")
        session.job(f"{array.id}/2").cancel()
        session.submit_script(code="1")


def test_a_quota_holds_against_many_who_submit_at_once(tmp_path: Path) -> None:
    def hand_in(_: int) -> bool:
        begin.wait()
        with connect(address) as session, suppress(TooMany):
            session.submit_script(code="1", owner="ann")
            return True
        return False

    begin = Barrier(16)
    with serving(tmp_path, quotas=Quotas(open_works=5)) as first, ThreadPoolExecutor(16) as pool:
        address = first.server
        assert sum(pool.map(hand_in, range(16))) == 5
