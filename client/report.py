"""Progress on stderr: live where stderr is a terminal, one line for each round where it is not, or none."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import Protocol, Self, TextIO

from client.jobs import SCRIPT
from client.story import tell
from rpc.messages import News
from rpc.plain_text import plain


class Report(Protocol):
    """Somebody who shows how a run goes on."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def on_sent(self, have: int, total: int) -> None:
        """The coordinator holds `have` of the `total` bytes of the data."""

    def on_news(self, news: News) -> None: ...


def make_report(quiet: bool, stream: TextIO | None = None) -> Report:
    """Return the report that suits where stderr goes."""
    stream = stream or sys.stderr
    if quiet:
        return QuietReport()
    if not stream.isatty():
        return PlainReport(stream)
    # Takes a tenth of a second to import, for which other commands need not wait.
    from rich.console import Console

    from client.live_report import LiveReport

    return LiveReport(Console(file=stream, highlight=False))


class QuietReport:
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def on_sent(self, have: int, total: int) -> None:
        pass

    def on_news(self, news: News) -> None:
        pass


class PlainReport(QuietReport):
    """Lines for a log file: each round's result, trouble, and what a run waits for."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._waiting_for = ""
        self._told = ""

    def on_news(self, news: News) -> None:
        for line in tell(news.events, news.row.rounds, is_job=news.row.kind == SCRIPT):
            self._say(line)
        # Most waits are over before the next news; only one that lasts is worth a line.
        waiting_for = news.row.waiting_for
        if waiting_for and waiting_for == self._waiting_for != self._told:
            self._told = waiting_for
            self._say(f"waiting for {waiting_for}")
        self._waiting_for = waiting_for

    def _say(self, line: str) -> None:
        print(plain(line), file=self._stream, flush=True)
