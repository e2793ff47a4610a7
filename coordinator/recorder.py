"""What must be remembered, on its way into the store: gathered behind the work, committed in groups by one thread.

What somebody waits for is committed at once, all else after 0.2 s or ten times what the last commit took, whichever is
longer. Shorter would buy little: a killed coordinator loses that much of what nodes keep, or compute again to the same
bits. And it costs: with 32 nodes (1,058 weights, SQLite, two busy cores, 12 runs of 300 rounds each in turn) commits
every 50 ms are 12 a second in place of 4, and take the coordinator 106 us a task in place of 100 (medians 115 and 103).
With 50 ms and the bound of a tenth there are as many commits as with 0.2 s, since one takes 10 to 50 ms there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from coordinator.checkpoints import unused_s
from coordinator.store.changes import BlobNamed, Change, WorkEnded, WorkForgotten, WorkSubmitted
from coordinator.store.failures import StoreDown
from coordinator.store.store import Store
from mlcore.kernels.backend import FloatArray
from rpc.arrays import bytes_of
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.errors import DiskFull, TrainerError
from rpc.loop import Loop, Timer

logger = logging.getLogger(__name__)

_GATHER_S, _GATHER_MAX_S = 0.2, 5.0
_GATHER_COMMITS = 10  # nor shall commits take more than a tenth of the time
_GATHER_BYTES_S = 10e6  # of files a second: less than a tenth of what a disk takes
_RETRY_S, _RETRY_MAX_S = 0.1, 2.0
_AGAIN_S = 90.0

T = TypeVar("T")
Done = Callable[[tuple[Change, ...]], None]  # gets those of the group's changes that came too late


@dataclass(slots=True)
class _Group:
    """What becomes true at once.

    Attributes:
        begun: when its first change came.
        is_urgent: somebody waits for it.
        n_bytes: of the files that it will bring, about.
        vectors: by work and role, what is made a file first.
        latest: by work, what makes changes of which only the newest matter; it may keep vectors.
        replaced: files that nothing may name any more once it is committed, and how long nobody may have asked about
            them when they go.
        done: called on the loop once it is committed.
    """

    begun: float | None = None
    is_urgent: bool = False
    n_bytes: int = 0
    changes: list[Change] = field(default_factory=list)
    vectors: dict[tuple[str, str], FloatArray] = field(default_factory=dict)
    latest: dict[str, Callable[[], Sequence[Change]]] = field(default_factory=dict)
    replaced: dict[str, float] = field(default_factory=dict)
    done: list[Done] = field(default_factory=list)
    is_committed: bool = False


class Recorder:
    """Everything but the commits runs on the loop's thread.

    Args:
        on_commit: called with what is committed now, after its `done`s.
        on_fault: called with the reason when the store takes nothing any more, with "" when it does again.
        on_end: called when this coordinator may not write any more.
        thread: one that does the commits, in order; None: a new one.
    """

    def __init__(
        self,
        loop: Loop,
        store: Store,
        blobs: BlobFolder,
        *,
        on_commit: Callable[[Sequence[Change]], None],
        on_fault: Callable[[str], None],
        on_end: Callable[[Exception], None],
        thread: Aside | None = None,
    ) -> None:
        self._loop = loop
        self._store = store
        self._blobs = blobs
        self._on_commit = on_commit
        self._on_fault = on_fault
        self._on_end = on_end
        self._thread = thread or Aside(loop, 1, "store")
        self._next = _Group()
        self._running: _Group | None = None
        self._number = 0
        self._began = 0.0
        self._gather_s = _GATHER_S
        self._tries = 0
        self._timer: Timer | None = None
        self._when = 0.0
        self._files: dict[str, dict[str, str]] = {}  # by work that is open and role: what is named; of the thread

    def add(self, *changes: Change, done: Done | None = None, at_once: bool = False) -> None:
        """Remember these with the next group; `done` is called once they are committed.

        Args:
            at_once: somebody waits for it: commit as soon as the commit under way is over.
        """
        self._next.changes += changes
        if done is not None:
            self._next.done.append(done)
        self._next.is_urgent |= at_once
        self._commit_soon()

    def take_up(self, work: str, files: Mapping[str, str]) -> None:
        """Work of before this start has these files; called before anything else is."""
        self._files[work] = dict(files)

    def keep_latest(self, work: str, make: Callable[[], Sequence[Change]], n_bytes: int) -> None:
        """Remember what `make` gives when the next group is complete, in place of what was to be made before.

        It may keep vectors of about `n_bytes` bytes then.
        """
        self._next.latest[work] = make
        self._next.n_bytes = max(self._next.n_bytes, n_bytes)

    def keep_vector(self, work: str, role: str, vector: FloatArray) -> None:
        """Make this the work's file in this role; the vector must not change any more."""
        self._next.vectors[work, role] = vector

    def between_commits(self, work: Callable[[], T], done: Callable[[T | Exception], None]) -> None:
        """Do `work` while nothing is written; `done` gets what it returned or raised, on the loop."""
        self._thread.run(work, done)

    def remove_unnamed(self, files: Mapping[str, float]) -> None:
        """Remove those of these files that no work names and nobody asked about for so many seconds."""
        unnamed = self._store.reader.unnamed([*files]) if files else ()
        for name in unnamed:
            self._blobs.remove(name, untouched_s=files[name])

    def close(self, patience_s: float = 5.0) -> None:
        """Commit what waits, as far as that is possible, and let go of the store."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._thread.close(patience_s):
            return  # in the middle of a commit that does not end: whoever opens the store next finds it whole
        try:
            if self._running is not None and not self._running.is_committed:
                self._commit(self._number, self._running)
            self._commit(self._number + 1, self._take())
        except (TrainerError, OSError) as error:
            logger.error("what was done last is not remembered: %s", error)
        self._store.close()

    def _commit_soon(self) -> None:
        """Set the time of the next commit."""
        if self._running is not None:
            return  # its end sets it
        group, now = self._next, self._loop.now
        group.begun = now if group.begun is None else group.begun
        gather_s = 0.0 if group.is_urgent else max(self._gather_s, group.n_bytes / _GATHER_BYTES_S)
        when = group.begun + min(gather_s, _GATHER_MAX_S)
        if self._timer is not None:
            if self._when == when:
                return
            self._timer.cancel()
        self._when = when
        self._timer = self._loop.call_later(max(0.0, when - now), self._begin)

    def _begin(self) -> None:
        self._running, self._next = self._take(), _Group()
        self._number += 1
        self._began = self._loop.now
        self._write()

    def _take(self) -> _Group:
        """The next group, complete."""
        group = self._next
        latest = [change for make in group.latest.values() for change in make()]
        group.changes[:0] = latest  # before the end of the work, if that is in it
        return group

    def _write(self) -> None:
        self._timer = None
        group, number = self._running, self._number
        assert group is not None
        self._thread.run(lambda: self._commit(number, group), self._committed)

    def _committed(self, outcome: tuple[Change, ...] | Exception) -> None:
        group = self._running
        assert group is not None
        if isinstance(outcome, StoreDown | DiskFull | OSError):
            self._tries += 1
            if self._tries == 1:
                logger.error("%s", outcome)
                self._on_fault(str(outcome))
            self._timer = self._loop.call_later(min(_RETRY_MAX_S, _RETRY_S * 2.0**self._tries), self._write)
            return
        if isinstance(outcome, Exception):
            self._on_end(outcome)
            return
        if self._tries:
            self._tries = 0
            self._on_fault("")
        self._running = None
        self._gather_s = min(_GATHER_MAX_S, max(_GATHER_S, _GATHER_COMMITS * (self._loop.now - self._began)))
        if young := {name: age_s for name, age_s in group.replaced.items() if age_s}:
            again = partial(self.between_commits, lambda: self.remove_unnamed(young), lambda _: None)
            self._loop.call_later(_AGAIN_S, again)  # some may have been too young to go
        for done in group.done:
            done(outcome)
        self._on_commit(group.changes)
        if self._next.changes or self._next.done:
            self._commit_soon()

    def _commit(self, number: int, group: _Group) -> tuple[Change, ...]:
        """Write files, then what names them; on the store's thread."""
        while group.vectors:
            (work, role), vector = next(iter(group.vectors.items()))
            name = self._put(vector)
            group.changes.append(BlobNamed(work, role, name))
            self._files.setdefault(work, {})[role] = name
            del group.vectors[work, role]  # written once, however often the commit is tried
        for change in group.changes:
            self._rename(change, group.replaced)
        late = self._store.write(number, group.changes)
        group.is_committed = True
        try:
            self.remove_unnamed(group.replaced)
        except (TrainerError, OSError) as error:  # no reason to commit once more; the next start collects them
            logger.warning("files that nothing needs any more stay: %s", error)
        return late

    def _rename(self, change: Change, replaced: dict[str, float]) -> None:
        """Take note of files that a change leaves without a name."""
        match change:
            case WorkSubmitted() if change.parent:
                self._files[change.id] = dict(change.blobs)
            case BlobNamed(work, role, ""):
                file = self._files.get(work, {}).pop(role, "")
                replaced |= {file: 0.0} if file else {}
            case WorkEnded(work):
                self._files.pop(work, None)  # what is named now stays named
            case WorkForgotten(work):
                replaced |= {name: unused_s(role) for role, name in self._store.reader.files(work)}

    def _put(self, vector: FloatArray) -> str:
        return self._blobs.store(bytes_of(vector.astype(vector.dtype.newbyteorder("<"), copy=False)))
