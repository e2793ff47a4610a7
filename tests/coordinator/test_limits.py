"""Callers from other machines are counted, and those on this one are not."""

from __future__ import annotations

import pytest

from coordinator.config import Quotas
from coordinator.limits import SUBMITS, WRONG_TOKENS, Pace
from coordinator.permissions import RULES, Identity, Role
from rpc.errors import Forbidden, TooMany, Unauthenticated
from rpc.messages import DataFile, ScriptSpec
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


def test_a_submitter_sends_so_many_bytes_an_hour_and_operators_any() -> None:
    pace, part = Pace(0, Quotas(upload_bytes_per_hour=100)), ("name", 1000, 0, b"x" * 40)
    for _ in range(2):
        pace.check_quota(ANN, "put_blob", part)
        pace.check_quota(BOB, "put_blob", part)
    with pytest.raises(TooMany, match="--upload-gb-per-hour") as refused:
        pace.check_quota(ANN, "put_blob", part)
    assert 2860 <= refused.value.retry_after_s <= 2880, "until there is room for an hour's, as more of it is left"
    with pytest.raises(TooMany) as refused:
        pace.check_quota(ANN, "put_blob", ("name", 1000, 960, b"x" * 40))
    assert 700 <= refused.value.retry_after_s <= 720
    pace.check_quota(ANN, "put_blob", ("name", 1000, 0, b""))
    for _ in range(10):
        pace.check_quota(Identity(Role.OPERATOR, "eve", "e" * 10), "put_blob", part)


@pytest.mark.parametrize("operation", ["submit_script", "add_schedule"])
def test_a_submitter_goes_before_others_no_more_than_it_may(operation: str) -> None:
    pace = Pace(0, Quotas(priority=5))
    usual, urgent = (ScriptSpec("x", DataFile("x.zip", "blob", 1), priority=priority) for priority in (5, 6))
    pace.check_quota(ANN, operation, (usual,))
    with pytest.raises(Forbidden, match=r"priority 6 is above 5, .*--max-priority"):
        pace.check_quota(ANN, operation, (urgent,))
    pace.check_quota(Identity(Role.OPERATOR, "eve", "e" * 10), operation, (urgent,))


def test_any_number_may_be_allowed() -> None:
    pace = Pace(0)
    for _ in range(100):
        pace.check(caller("10.0.0.7"), ANN, "submit_script")


def test_all_that_makes_new_work_is_counted() -> None:
    new_work = {name for name in RULES if name.startswith("submit_")} | {"verify_run", "add_schedule", "train"}
    assert set(SUBMITS) == new_work
