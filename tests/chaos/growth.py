"""Whether a program that lives long grows: memory, descriptors, threads, and a coordinator's store."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import linear_regression, median
from time import monotonic

import psutil

FULL_S = 8 * 3600.0  # a soak of scale 1
_SAMPLES = 400
_FLAT = 5  # descriptors and threads that may come and go
_MOST_MB = 24.0  # of memory, from the second quarter to the last: what an allocator may do, and no leak a run


@dataclass(frozen=True)
class Sample:
    at: float
    rss_bytes: int
    descriptors: int
    threads: int
    store_bytes: int


# What may not grow, and by how much it may.
_LIMITS: tuple[tuple[str, Callable[[Sample], float], float], ...] = (
    ("megabytes", lambda sample: sample.rss_bytes / 1e6, _MOST_MB),
    ("descriptors", lambda sample: sample.descriptors, _FLAT),
    ("threads", lambda sample: sample.threads, _FLAT),
)


class Growth:
    """Looks at one process, and at the folder of its store if it has one, a few hundred times in so many seconds."""

    def __init__(self, name: str, pid: int, folder: Path, seconds: float) -> None:
        self.samples: list[Sample] = []
        self._name = name
        self._process = psutil.Process(pid)
        self._folder = folder
        self._every_s = seconds / _SAMPLES

    def look(self) -> None:
        """Take a sample, if it is time."""
        if self.samples and monotonic() < self.samples[-1].at + self._every_s:
            return
        size = sum(path.stat().st_size for path in self._folder.glob("store.db*"))
        with self._process.oneshot():
            rss, threads = self._process.memory_info().rss, self._process.num_threads()
        self.samples.append(Sample(monotonic(), rss, self._process.num_fds(), threads, size))

    def report(self) -> list[str]:
        """The later three quarters, as the first one is for warming up."""
        later = self.samples[len(self.samples) // 4 :]
        hours = [sample.at / 3600.0 for sample in later]
        rss_mb = [sample.rss_bytes / 1e6 for sample in later]
        store_mb = [sample.store_bytes / 1e6 for sample in later]
        lines = [
            f"  memory of the {self._name}: {rss_mb[0]:.0f} to {rss_mb[-1]:.0f} MB, {slope(hours, rss_mb):+.1f} MB/h",
            f"  descriptors {spread([each.descriptors for each in later])},"
            f" threads {spread([each.threads for each in later])}",
        ]
        if store_mb[-1]:
            grows = f"{slope(hours, store_mb):+.1f} MB/h"
            lines.append(f"  store: {store_mb[-1]:.1f} MB, {grows}, {events(self._folder)} events in it")
        return lines

    def flaws(self) -> list[str]:
        """What has grown and must not."""
        quarter = len(self.samples) // 4
        early, late = self.samples[quarter : 2 * quarter], self.samples[-quarter:]
        if not quarter:
            return []
        flaws = []
        for what, of, most in _LIMITS:
            was, now = median(map(of, early)), median(map(of, late))
            if now > was + most:
                flaws.append(f"{what} of the {self._name} grow from {was:g} to {now:g}, by more than {most:g}")
        return flaws


def slope(hours: Sequence[float], values: Sequence[float]) -> float:
    """Growth an hour, by least squares."""
    return linear_regression(hours, values).slope if len(hours) > 1 else 0.0


def spread(values: Sequence[int]) -> str:
    return f"{min(values)} to {max(values)}"


def events(folder: Path) -> int:
    """Rows of the event table of the SQLite store in a folder."""
    with closing(sqlite3.connect(f"file:{folder / 'store.db'}?mode=ro", uri=True)) as connection:
        return int(connection.execute("SELECT count(*) FROM event").fetchone()[0])
