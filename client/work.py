"""What is the same of a run and of a job, as a program sees them: their news and their end."""

from __future__ import annotations

from collections.abc import Iterator

from client.cancelling import cancel
from client.link import Link
from client.news import follow_news
from rpc.convert import owned
from rpc.messages import News, WorkDetail, WorkRow


class Work:
    """One piece of work. Iterating over it gives its news until it ends."""

    def __init__(self, link: Link, work_id: str) -> None:
        self.id = work_id
        self._link = link

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id!r} at {self._link})"

    def __iter__(self) -> Iterator[News]:
        return self.follow()

    def follow(self, timeout_s: float | None = None) -> Iterator[News]:
        """Yield the news as they come; the last ones say how it ended.

        A lost connection is made anew for up to a minute.

        Raises:
            RunFailed: the coordinator was restarted meanwhile and does not know the work any more.
            TimedOut: it has not ended within `timeout_s`; it goes on.
        """
        return follow_news(self._link, self.id, timeout_s)

    def detail(self) -> WorkDetail:
        """Return all that the coordinator tells of it now."""
        detail: WorkDetail = self._link.call_again("get_work", self.id)
        return owned(detail)  # other calls may follow before it is read

    def cancel(self, reason: str = "by the client") -> WorkRow:
        """Ask for its end; return how it stands after that. The program of a job has some seconds to end by itself."""
        return cancel(self._link, self.id, reason)

    def _at_its_end(self, timeout_s: float | None) -> WorkDetail:
        for _ in self.follow(timeout_s):
            pass
        return self.detail()
