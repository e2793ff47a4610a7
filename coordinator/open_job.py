"""What is known of one open script job: its log, what it has told, and who waits for more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.core.scripting import ScriptJob
from coordinator.progress import Progress
from rpc.errors import FailureKind
from rpc.kept_log import KeptLog
from rpc.loop import Timer
from rpc.messages import JobDetail, ScriptNews


@dataclass(eq=False, slots=True)
class OpenJob:
    """What is known of one open job; see `coordinator.job_errand.Desk`."""

    job: ScriptJob
    folder: Path
    on_news: Callable[[OpenJob, ScriptNews], None]
    detail: JobDetail
    progress: Progress
    failures: Mapping[FailureKind, int] = field(default_factory=dict)  # what counted when it was placed last
    unwanted: set[str] = field(default_factory=set)  # attempts that need not start any more
    preempted: set[str] = field(default_factory=set)  # attempts that are to end for the sake of others
    waiting: list[tuple[Callable[[], None], Timer]] = field(default_factory=list)
    _log: KeptLog | None = None

    def log(self) -> KeptLog:
        """The log, read and written on the thread for logs alone; most of many jobs that wait have none yet."""
        if self._log is None:
            self._log = KeptLog(self.folder)
        return self._log

    def end_of_log(self) -> int:
        return self.log().end

    def take(self, news: ScriptNews) -> None:
        self.log().append(bytes(news.log), at=news.start)

    def tell(self, news: ScriptNews) -> None:
        self.on_news(self, news)

    def is_wanted(self, attempt: str) -> bool:
        return attempt not in self.unwanted

    def is_preempted(self, attempt: str) -> bool:
        return attempt in self.preempted
