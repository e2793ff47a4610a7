"""A node's end of one watchdog: start it, renew its lease, stop its job, hear what comes of it."""

from __future__ import annotations

import atexit
import os
import signal
from contextlib import suppress

from compute_node.scripts.box import Level
from compute_node.scripts.nursery import Nursery
from compute_node.scripts.orders import News, Start, lease_line, news_from_line, stop_line
from compute_node.scripts.readable import readable

_MORE = 65536
_nurseries = {with_engine: Nursery(with_engine=with_engine) for with_engine in (False, True)}
for _each in _nurseries.values():
    atexit.register(_each.close)


class Guard:
    """One job and the watchdog beside it. `fileno()` can be waited on; the job ends with this process.

    Attributes:
        pid: the process of the watchdog.
    """

    def __init__(self, start: Start, *, stdout: int, stderr: int) -> None:
        """Start the job; `stdout` and `stderr` are where it writes to, and the caller closes its copies of them.

        Raises:
            OSError: no process or pipe is to be had.
        """
        self._news, news_writer = os.pipe()
        orders, self._orders = os.pipe()
        try:
            self.pid, self._process = _nurseries[start.level is Level.DOCKER].fork(
                orders=orders, stdout=stdout, stderr=stderr, news=news_writer
            )
        except BaseException:
            os.close(self._news)
            os.close(self._orders)
            raise
        finally:
            os.close(orders)
            os.close(news_writer)
        os.set_blocking(self._news, False)
        self._unread = b""
        self._say(start.to_line())
        # A watchdog that is held up (SIGSTOP) must not hold up the node.
        os.set_blocking(self._orders, False)

    def fileno(self) -> int:
        """Readable when there are news, or the watchdog has ended."""
        return self._news

    def renew(self, seconds: float) -> None:
        """Let the job live for so long from now."""
        self._say(lease_line(seconds))

    def stop(self, grace_s: float) -> None:
        """Ask the job to end; after so long all of it is killed."""
        self._say(stop_line(grace_s))

    def read(self) -> list[News] | None:
        """What has come since; None once the watchdog has ended. Does not wait.

        A watchdog whose last news are not `Ended` or `NoStart` was killed: reap the folder of its job (`reaping`).
        """
        ended = False
        try:
            while data := os.read(self._news, _MORE):
                self._unread += data
            ended = True
        except BlockingIOError:
            pass
        *lines, self._unread = self._unread.split(b"\n")
        return None if ended and not lines else [news_from_line(line) for line in lines]

    def kill(self) -> None:
        """End a watchdog that does not do what it was told; see `read`."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def close(self) -> None:
        """Let go of the watchdog; a job that still runs is killed by it."""
        os.close(self._orders)
        os.close(self._news)
        readable([self._process], None)
        os.close(self._process)

    def _say(self, line: bytes) -> None:
        with suppress(BrokenPipeError, BlockingIOError):  # it has ended, which `read` says; or it is held up
            os.write(self._orders, line)
