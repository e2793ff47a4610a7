"""The times that cron expressions name, in time zones and over changes of the clock."""

from __future__ import annotations

from datetime import datetime

import pytest

from coordinator.cron_times import check_cron, last_until, next_after
from rpc.errors import BadRequest


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("cron", "zone", "at", "following"),
    [
        ("*/15 * * * *", "UTC", "2026-11-23T10:07:30Z", "2026-11-23T10:15:00Z"),
        ("*/15 * * * *", "UTC", "2026-11-23T10:15:00Z", "2026-11-23T10:30:00Z"),
        ("@daily", "UTC", "2026-11-23T10:00:00Z", "2026-11-24T00:00:00Z"),
        ("0 9 * * 1-5", "Europe/Berlin", "2026-11-20T12:00:00Z", "2026-11-23T08:00:00Z"),
        ("0 9 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T07:00:00Z"),  # an hour less that night
        ("30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),  # 02:30 is not there
        ("0 0 29 2 *", "UTC", "2026-11-23T10:00:00Z", "2028-02-29T00:00:00Z"),
    ],
)
def test_the_next_time(cron: str, zone: str, at: str, following: str) -> None:
    assert next_after(cron, zone, ms(at)) == ms(following)


@pytest.mark.parametrize(
    ("at", "before"),
    [
        ("2026-11-23T10:07:30Z", "2026-11-23T10:00:00Z"),
        ("2026-11-23T10:15:00Z", "2026-11-23T10:15:00Z"),
        ("2026-11-23T10:14:59Z", "2026-11-23T10:00:00Z"),
    ],
)
def test_the_last_time_until_now(at: str, before: str) -> None:
    assert last_until("*/15 * * * *", "UTC", ms(at)) == ms(before)


@pytest.mark.parametrize("cron", ["", "* * * *", "* * * * * *", "61 * * * *", "a b c d e", "@often", "\0"])
def test_what_is_no_expression_is_refused_with_an_example(cron: str) -> None:
    with pytest.raises(BadRequest, match=r"is no cron expression .* as in '\*/15 6-18 \* \* 1-5', or one of @hourly"):
        check_cron(cron, "UTC")


@pytest.mark.parametrize("zone", ["", "Berlin/Europe", "../../etc/passwd", "\0", "x" * 1000])
def test_what_is_no_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(BadRequest, match="is no time zone; write one as in UTC or Europe/Berlin"):
        check_cron("@daily", zone)
