"""Callers from other machines are counted, and those on this one are not."""

from __future__ import annotations

import pytest

from coordinator.limits import SUBMITS, WRONG_TOKENS, Pace
from coordinator.permissions import RULES, Identity, Role
from rpc.errors import Forbidden, TooMany, Unauthenticated
from rpc.session import Caller

ANN, BOB = Identity(Role.SUBMITTER, "ann", "a" * 10), Identity(Role.SUBMITTER, "bob", "b" * 10)


def caller(address: str, *, here: bool = False) -> Caller:
    made = Caller(f"{address}:4711", lambda: None)
    made.is_on_this_host = here
    return made


def test_an_address_has_five_wrong_tokens_and_others_have_theirs() -> None:
    pace, far, other = Pace(30), caller("10.0.0.7"), caller("10.0.0.8")
    for _ in range(WRONG_TOKENS):
        pace.check_token(far)
        pace.wrong_token(far, Unauthenticated("none of ours"))
    with pytest.raises(TooMany, match=r"10\.0\.0\.7; try again in 1[12] s"):
        pace.check_token(far)
    pace.check_token(other)


def test_right_tokens_and_other_refusals_are_not_counted() -> None:
    pace, far = Pace(30), caller("10.0.0.7")
    for _ in range(100):
        pace.check_token(far)
        pace.wrong_token(far, Forbidden("not with this role"))


def test_who_is_on_this_machine_is_not_counted() -> None:
    pace, here = Pace(1), caller("127.0.0.1", here=True)
    for _ in range(100):
        pace.wrong_token(here, Unauthenticated("none of ours"))
        pace.check_token(here)
        pace.check(here, ANN, "submit_script")


def test_one_token_hands_in_so_much_a_minute_from_wherever_it_comes() -> None:
    pace = Pace(3)
    for address in ("10.0.0.7", "10.0.0.8", "10.0.0.9"):
        pace.check(caller(address), ANN, "submit_script")
    with pytest.raises(TooMany, match="--submits-per-minute"):
        pace.check(caller("10.0.0.7"), ANN, "submit_run")
    pace.check(caller("10.0.0.7"), BOB, "submit_run")
    for _ in range(100):
        pace.check(caller("10.0.0.7"), ANN, "watch")


def test_any_number_may_be_allowed() -> None:
    pace = Pace(0)
    for _ in range(100):
        pace.check(caller("10.0.0.7"), ANN, "submit_script")


def test_all_that_makes_new_work_is_counted() -> None:
    new_work = {name for name in RULES if name.startswith("submit_")} | {"verify_run", "add_schedule", "train"}
    assert set(SUBMITS) == new_work
