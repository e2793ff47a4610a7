"""Progress that changes in place, on a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from client.story import shard_name, tell
from rpc.messages import Activity, News
from rpc.plain_text import plain

_MOST_NODES = 12  # that are listed below the bar
_BAR_WIDTH = 24
_MEGABYTE = 1e6


class LiveReport:
    """A picture of the run that changes in place, with the rounds' results above it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started_at = time.monotonic()
        self._have = self._total = 0
        self._news: News | None = None
        self._live = Live(
            console=console,
            get_renderable=self._render,
            refresh_per_second=8,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def on_sent(self, have: int, total: int) -> None:
        self._have, self._total = have, total

    def on_news(self, news: News) -> None:
        self._news = news
        self._live.refresh()  # first: a printed line draws the picture below it once more, as it was
        for line in tell(news.events, news.row.rounds):
            self._console.print(Text(plain(line)))

    def _render(self) -> RenderableType:
        if self._news is None:
            return sending_view(self._have, self._total)
        return run_view(self._news, time.monotonic() - self._started_at)


def sending_view(have: int, total: int) -> RenderableType:
    """What is shown while the data is on its way; sizes in bytes."""
    if not total:
        return Text("sending data")
    text = Text(f"{have / _MEGABYTE:.1f} of {total / _MEGABYTE:.1f} MB")
    return _line([Text("sending data"), _bar(have, total), text])


def run_view(news: News, elapsed_s: float) -> RenderableType:
    """What is shown while a run goes on: how far it is, and what each node does."""
    row = news.row
    error = "" if row.validation_error is None else f"error {row.validation_error:.4f}"
    minutes, seconds = divmod(int(elapsed_s), 60)
    parts: list[RenderableType] = [
        Text(f"round {min(row.round + 1, row.rounds)} of {row.rounds}", style="bold"),
        _bar(row.tasks_done, row.tasks_total),
        Text(f"{row.tasks_done} of {row.tasks_total} tasks"),
        Text(error, style="green"),
        Text(f"{minutes}:{seconds:02d}", style="dim"),
    ]
    lines: list[RenderableType] = [_line(parts), _nodes(news.activities)]
    if row.waiting_for:
        lines.append(Text(plain(f"  waiting for {row.waiting_for}"), style="yellow"))
    return Group(*lines)


def _bar(done: float, total: float) -> ProgressBar:
    return ProgressBar(total=max(1, total), completed=done, width=_BAR_WIDTH)


def _line(parts: Sequence[RenderableType]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for _ in parts:
        table.add_column(no_wrap=True)
    table.add_row(*parts)
    return table


def _nodes(activities: Sequence[Activity]) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for activity in sorted(activities, key=lambda each: (each.node, each.shard))[:_MOST_NODES]:
        doing = f"{activity.kind} {shard_name(activity.shard)}"
        again = f", attempt {activity.attempt}" if activity.attempt > 1 else ""
        table.add_row(Text(plain(f"  {activity.node}")), Text(plain(doing + again), style="cyan"))
    if len(activities) > _MOST_NODES:
        table.add_row(f"  and {len(activities) - _MOST_NODES} more")
    return table
