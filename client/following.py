"""A run that somebody follows to its end, and what an interrupt does to it on the way."""

from __future__ import annotations

import sys
from collections.abc import Callable

from client.giving_up import give_up
from client.interrupts import interrupts_held
from client.link import Link
from client.report import Report
from client.runs import Run
from rpc.plain_text import plain


def follow(run: Run, report: Report) -> None:
    """Report the news of a run until it has ended."""
    for news in run:
        report.on_news(news)


def start_and_follow(start: Callable[[], Run], link: Link, report: Report) -> Run:
    """Return a run when it has ended; an interrupt cancels it.

    Args:
        start: starts it; an interrupt waits a little for that, so that its id is known.
        link: to its coordinator.
    """
    run: Run | None = None
    try:
        with interrupts_held():
            run = start()
        follow(run, report)
    except KeyboardInterrupt:
        if run is not None:
            # A fresh connection: this one broke off in the middle of a call.
            remark(give_up(run.id, link))
        else:
            remark("nobody has said whether the run was submitted; `client.py runs list` tells")
        raise
    return run


def remark(line: str) -> None:
    """Say on stderr what is neither result nor progress."""
    print(f"client: {plain(line)}", file=sys.stderr)
