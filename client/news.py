"""The news of a work, whatever kind it is of, until it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator

from client.link import Link
from client.results import FINAL_STATES
from rpc.errors import NotFound, RunFailed, TimedOut
from rpc.messages import News

_POLL_S = 10.0


def follow_news(link: Link, work_id: str, timeout_s: float | None = None) -> Iterator[News]:
    """Yield the news as they come; the last ones say how it ended.

    A lost connection is made anew for up to a minute.

    Raises:
        RunFailed: the coordinator was restarted meanwhile and does not know the work any more.
        TimedOut: it has not ended within `timeout_s`; it goes on.
    """
    end_at = None if timeout_s is None else time.monotonic() + timeout_s
    after = 0
    while True:
        waits_s = _POLL_S if end_at is None else min(_POLL_S, max(0.0, end_at - time.monotonic()))
        news = _news(link, work_id, after, waits_s)
        yield news
        has_ended = news.row.state in FINAL_STATES
        if has_ended and not news.events:  # an answer holds only so many events; more of them may wait
            return
        if not has_ended and end_at is not None and time.monotonic() >= end_at:
            raise TimedOut(f"{work_id} has not ended within {timeout_s:g} s; it goes on")
        after = news.last


def _news(link: Link, work_id: str, after: int, waits_s: float) -> News:
    try:
        news: News = link.call_again("watch", work_id, after, round(waits_s * 1000), waits_s=waits_s)
    except NotFound as error:
        if not after:
            raise
        raise RunFailed(
            f"the coordinator at {link} was restarted and does not know {work_id} any more; start it again"
        ) from error
    return news
