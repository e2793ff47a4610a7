"""A web server that runs, before a real coordinator: hostile requests get a problem or nothing, and harm nobody."""

from __future__ import annotations

import pytest

from tests.web.hostile.conftest import Web
from tests.web.hostile.raw import is_problem, request, say
from tests.web.hostile.shapes import ANSWERED, REFUSED, UNANSWERED

pytestmark = pytest.mark.alone


def test_what_could_be_two_requests_is_none(web: Web) -> None:
    with web.besieged(f"{len(REFUSED)} requests that are none") as siege:
        for _ in siege.rounds():
            for name, data in REFUSED.items():
                answers = say(web.port, data)
                hung_up = not answers and len(data) > 1 << 16  # on more than it had read
                assert hung_up or [is_problem(each) for each in answers] == [True], (name, answers)
                assert hung_up or b"\r\nconnection: close\r\n" in answers[0].head, name


def test_what_asks_for_nothing_is_told_so(web: Web) -> None:
    with web.besieged(f"{len(ANSWERED)} odd requests") as siege:
        for _ in siege.rounds():
            for name, (status, data) in ANSWERED.items():
                answers = say(web.port, data, expected=1)
                assert [each.status for each in answers] == [status], (name, answers)
                assert is_problem(answers[0]) or "socket" in name, (name, answers)


def test_what_is_not_whole_is_no_request(web: Web) -> None:
    for name, data in UNANSWERED.items():
        assert say(web.port, data, hang_up_after_s=0.2) == [], name


def test_a_hundred_requests_at_once_have_a_hundred_answers_in_order(web: Web) -> None:
    targets = [b"/api/v1/nodes?limit=%d" % number for number in range(1, 101)]
    with web.besieged("100 requests at once") as siege:
        for _ in siege.rounds():
            at_once = b"".join(request(target=each, ends=False) for each in targets[:-1]) + request(target=b"/nothing")
            answers = say(web.port, at_once)
            assert len(answers) == 100 and answers[-1].status == 404
