"""What pages make of what others say: short, harmless words, points that can be drawn, numbers that are ones."""

from __future__ import annotations

import asyncio
import math
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rpc.messages import AttemptRow, WorkRow
from web.door import Door
from web.pages.form import Said
from web.pages.shared import Shared
from web.pages.words import eta_s, shown
from web.widgets.attempts_grid import cell_of
from web.widgets.curve import thinned
from web.widgets.rows import path


@given(st.text(max_size=600))
def test_a_text_of_others_is_one_line_that_can_be_printed_and_ends(text: str) -> None:
    told = shown(text, 100)
    assert all(each.isprintable() or each.isspace() for each in told) and "\n" not in told
    assert len(told) <= 101


@given(st.lists(st.tuples(st.integers(0, 10**6), st.floats()), max_size=2000))
def test_a_curve_has_no_more_points_than_can_be_seen_and_none_that_cannot(points: list[tuple[float, float]]) -> None:
    drawn = thinned(points, 50)
    finite = [[x, y] for x, y in points if math.isfinite(y)]
    assert len(drawn) <= 50 and all(each in finite for each in drawn)
    assert not finite or (drawn[0], drawn[-1]) == (finite[0], finite[-1])


@given(st.text(max_size=50))
def test_a_path_has_no_more_parts_than_it_was_given(name: str) -> None:
    assert path("jobs", name).count("/") == 2 and '"' not in path("jobs", name)


def test_numbers_are_read_with_commas_and_what_is_none_is_told() -> None:
    said = Said(
        {"rounds": "1,000", "eta": "fast", "name": "", "epochs": ""}, {"rounds": int, "eta": float, "epochs": int}
    )
    assert said.of("rounds", "eta", "name", "epochs") == {"rounds": 1000}
    assert said.faults == {"eta": "'fast' is no number"}


def test_a_run_that_has_not_begun_has_no_end_in_sight() -> None:
    row = WorkRow("r", "run", "", "running", round=0, rounds=9, started_ms=1)
    assert eta_s(row) is None


def test_a_task_that_was_tried_again_says_what_went_wrong() -> None:
    tries = [
        AttemptRow("r/1/0", 1, 0, "a", "failed", "unreachable"),
        AttemptRow("r/1/0", 1, 0, "b", "done", is_last=True),
    ]
    place, state, sign, words = cell_of(tries, ["a", "b"])
    assert (place, state, sign) == (1, "done", "↻")
    assert words == "failed by a: unreachable; the one that its round waited for"


def test_many_pages_are_one_question_and_one_that_leaves_ends_it_for_nobody() -> None:
    async def within() -> None:
        asked = 0
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        async def make() -> Any:
            nonlocal asked
            asked += 1
            return await answer

        shared = Shared(Door("127.0.0.1", 0))
        pages = [asyncio.create_task(shared.made(("one",), make)) for _ in range(50)]
        await asyncio.sleep(0)
        pages[0].cancel()
        await asyncio.sleep(0)
        answer.set_result(7)
        assert await asyncio.gather(*pages[1:]) == [7] * 49 and asked == 1

    asyncio.run(within())
