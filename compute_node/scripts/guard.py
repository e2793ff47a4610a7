"""A node's end of one watchdog: start it, renew its lease, stop its job, hear what comes of it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import IO

from compute_node.scripts.orders import News, Start, lease_line, news_from_line, stop_line

_ROOT = str(Path(__file__).parents[2])
_BOOT = """\
import sys
sys.path.insert(0, sys.argv[1])
from compute_node.scripts.watchdog import main
main(int(sys.argv[2]))
"""
_MORE = 65536


class Guard:
    """One job and the watchdog beside it. `fileno()` can be waited on; the job ends with this process."""

    def __init__(self, start: Start, *, stdout: int, stderr: int) -> None:
        """Start the job; `stdout` and `stderr` are where it writes to, and the caller closes its copies of them.

        Raises:
            OSError: no process or pipe is to be had.
        """
        self._news, news_writer = os.pipe()
        os.set_blocking(self._news, False)
        self._unread = b""
        try:
            self._process = subprocess.Popen(
                # -I -S: nothing but what is named here is imported, whatever lies about and whatever is installed.
                [sys.executable, "-I", *_site(start), "-c", _BOOT, _ROOT, str(news_writer), start.box.name],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[news_writer],
                env={"PATH": os.environ.get("PATH", os.defpath)},
                cwd="/",
                start_new_session=True,
                bufsize=0,
            )
        except BaseException:
            os.close(self._news)
            raise
        finally:
            os.close(news_writer)
        self._say(start.to_line())
        # A watchdog that is held up (SIGSTOP) must not hold up the node.
        os.set_blocking(self._orders.fileno(), False)

    @property
    def pid(self) -> int:
        """The process of the watchdog."""
        return self._process.pid

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
        self._process.kill()

    def close(self) -> None:
        """Let go of the watchdog; a job that still runs is killed by it."""
        self._orders.close()
        os.close(self._news)
        self._process.wait()

    @property
    def _orders(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    def _say(self, line: bytes) -> None:
        with suppress(BrokenPipeError):  # it has ended; `read` says so
            self._orders.write(line)


def _site(start: Start) -> list[str]:
    """Only containers need installed packages; to do without saves half of the start."""
    return [] if start.engine else ["-S"]
