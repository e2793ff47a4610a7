"""The small program beside each job: it starts the job, and ends all of it when its node dies or the lease is over.

It is forked by `forking`, so that it is up in a few thousandths of a second. Its stdin brings the orders, its stdout
and stderr become the job's, and a further pipe carries the news.
"""

from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress
from types import FrameType

from compute_node.scripts import kernel, record
from compute_node.scripts.box import Level
from compute_node.scripts.cage import Cage, NotStarted
from compute_node.scripts.orders import Ended, News, NoStart, Start, Started, Used, news_to_line, start_from_line

_LOOK_S = 0.25  # between two looks at what the job uses
_LOOK_SHARE = 20  # and at least so many times as long as a look takes, up to ...
_LOOK_MOST_S = 5.0  # ... this: on a machine that is held up a look may take seconds
_USED_S = 1.0  # between two tellings of that
_TIME_GRACE_S = 5.0  # for a job whose time is over
_MORE = 65536


class Watchdog:
    """One job, from its start to the end of its last process."""

    def __init__(self, orders_fd: int, news_fd: int) -> None:
        self._orders_fd = orders_fd
        self._news_fd = news_fd
        self._orders = b""
        self._cause = ""
        self._lease_until = float("inf")
        self._kill_at = float("inf")
        self._time_until = float("inf")
        self._look_at = 0.0
        self._used_at = 0.0

    def run(self) -> None:
        """Do the first order, and all that follow, until the job is over."""
        while b"\n" not in self._orders:
            if not self._read():
                return
        line, _, self._orders = self._orders.partition(b"\n")
        start = start_from_line(line)
        self._lease_until = _now() + start.lease_s
        try:
            cage = _make_cage(start)
        except (NotStarted, OSError) as error:
            self._tell(NoStart(str(error)))
            return
        try:
            news = self._attend(cage, start)
        finally:
            is_clean = cage.end_all()
            cage.close()
            if is_clean:  # else a node that starts anew has to look after it
                record.remove(start.box.folder)
        self._tell(news)

    def _attend(self, cage: Cage, start: Start) -> News:
        try:
            record.write(start, cage.user)
            cage.start()
        except (NotStarted, OSError) as error:
            return NoStart(str(error))
        self._tell(Started(tuple(cage.enforced)))
        if start.box.limits.time_s is not None:
            self._time_until = _now() + start.box.limits.time_s
        status = self._wait(cage)
        if not self._cause and cage.failed_to_start():
            return NoStart(f"the sandbox could not be set up (status {status}); its own words are in the job's log")
        if not self._cause and (hit := cage.limit_hit()):
            self._cause = f"limit:{hit}"
        is_clean = cage.end_all()
        usage = cage.usage()
        if status is None:
            status = cage.has_ended()
        return Ended(128 + signal.SIGKILL if status is None else status, self._cause, is_clean, *usage)

    def _wait(self, cage: Cage) -> int | None:
        """Wait until the program has ended, or must be killed; its exit status in the first case."""
        wake, waker = os.pipe()
        for fd in (wake, waker):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        # Between the start of the job and here a child may have ended: the first look finds that.
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        poll.register(self._orders_fd, select.POLLIN)
        if select.select([self._orders_fd], [], [], 0)[0] and self._read():
            self._obey(cage)  # a lease that was renewed while the job was started is not over
        while (status := cage.has_ended()) is None:
            now = _now()
            if now >= min(self._kill_at, self._lease_until):
                self._cause = self._cause or "lease"
                return None
            if now >= self._time_until:
                self._time_until = float("inf")
                self._stop(cage, _TIME_GRACE_S, "limit:time")
            self._obey(cage)
            if _ended_by_signal:
                self._cause = self._cause or "node"
                return None
            if now >= self._look_at and (hit := self._look(cage)):
                self._cause = f"limit:{hit}"
                return None
            until = min(self._kill_at, self._lease_until, self._time_until, self._look_at)
            for fd, _ in poll.poll(max(0.0, until - _now()) * 1000 + 1):
                if fd == wake:
                    os.read(wake, _MORE)
                elif not self._read():
                    self._cause = "node"
                    return None
        return status

    def _look(self, cage: Cage) -> str | None:
        began = _now()
        hit = cage.limit_hit()
        self._look_at = _now() + min(_LOOK_MOST_S, max(_LOOK_S, _LOOK_SHARE * (_now() - began)))
        # A node that does not read must not hold up the one who ends its job: what it has no room for is left out.
        if began >= self._used_at and self._has_room():
            self._used_at = began + _USED_S
            self._tell(Used(cage.memory_bytes, *cage.usage()))
        return hit

    def _has_room(self) -> bool:
        """Whether news can be told without waiting."""
        poll = select.poll()
        poll.register(self._news_fd, select.POLLOUT)
        return bool(poll.poll(0))

    def _obey(self, cage: Cage) -> None:
        """Do what the node has said."""
        while b"\n" in self._orders:
            line, _, self._orders = self._orders.partition(b"\n")
            word, _, seconds = line.partition(b" ")
            if word == b"lease":
                self._lease_until = _now() + float(seconds)
            else:
                self._stop(cage, float(seconds), "stopped")

    def _stop(self, cage: Cage, grace_s: float, cause: str) -> None:
        self._cause = self._cause or cause
        self._kill_at = min(self._kill_at, _now() + grace_s)
        if grace_s > 0:
            cage.terminate()

    def _read(self) -> bool:
        """Take in what the node has said; False if the node is gone."""
        data = os.read(self._orders_fd, _MORE)
        self._orders += data
        return bool(data)

    def _tell(self, news: News) -> None:
        with suppress(BrokenPipeError):  # the node is gone; its pipe of orders says so, too
            os.write(self._news_fd, news_to_line(news))


_ended_by_signal: list[int] = []


def _on_signal(number: int, frame: FrameType | None) -> None:
    if number != signal.SIGCHLD:
        _ended_by_signal.append(number)


def _make_cage(start: Start) -> Cage:
    if start.level is Level.DOCKER:
        from compute_node.scripts.container import ContainerCage  # its libraries take a third of a second to load

        return ContainerCage(start.box, start.engine, start.node)
    from compute_node.scripts.local_cage import LocalCage

    return LocalCage(start.box, start.level, start.parents)


def _now() -> float:
    """Seconds on a clock that also runs while the machine sleeps: a lease must not outlive the coordinator's."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def main(news_fd: int) -> None:
    """Serve one job; orders come on stdin."""
    os.umask(0o022)
    kernel.forbid_tracing()
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _on_signal)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    orders_fd = os.dup(0)
    os.set_inheritable(news_fd, False)
    Watchdog(orders_fd, news_fd).run()
