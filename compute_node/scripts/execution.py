"""One job on a thread of its own: set up, run beside its watchdog, its output read, what it leaves taken in."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from threading import Event, Lock, Thread
from time import monotonic

from compute_node.scripts.artifacts import KeptArtifacts
from compute_node.scripts.box import Box
from compute_node.scripts.ending import end_of, end_without_start, with_artifacts
from compute_node.scripts.guard import Guard
from compute_node.scripts.job_log import JobLog, now_ms
from compute_node.scripts.orders import Ended, NoStart, Start, Started, Used
from compute_node.scripts.output import Lines
from compute_node.scripts.readable import readable
from compute_node.scripts.reaping import reap
from compute_node.scripts.stopping import StopSign
from compute_node.scripts.trees import remove_tree
from compute_node.scripts.usage import usage_of
from compute_node.scripts.workshop import Workshop, name_of
from rpc.errors import MissingBlob, SetupFailed, TaskRejected, TrainerError
from rpc.messages import ScriptEnd, ScriptTask, ScriptUsage

logger = logging.getLogger(__name__)

_READ_BYTES = 256 << 10
_BYTES_S = 16 << 20  # of output; a job that writes faster waits, so that the node's other threads do not
_LOOK_S = 1.0
_LATE_S = 30.0  # that a watchdog may take beyond what it was told, before it is taken for one that is held up


class BoxedExecution:
    """One job in a box; see `compute_node.scripts.executions.Execution`.

    Attributes:
        phase: setup, running or ended.
        sandbox: the level that it runs in.
    """

    def __init__(self, task: ScriptTask, workshop: Workshop, on_news: Callable[[], None]) -> None:
        """Prepare nothing yet.

        Raises:
            BadRequest, TaskRejected: the node has no sandbox as it must be.
            MissingBlob: the bundle, or a data set, is not here.
        """
        for file in (task.spec.bundle, *task.spec.datasets):
            workshop.kept.note(file.blob)  # so that it is here when the thread begins
            if not workshop.blobs.file(file.blob).exists():
                raise MissingBlob(f"{file.file} is not on this node; send it again")
        self._task = task
        self._workshop = workshop
        self._level = workshop.level_for(task.spec)
        self._lock = Lock()
        self._guard: Guard | None = None
        self._lease_end = 0.0
        self._stop_by = inf
        self._stop = StopSign()
        self._gpus: tuple[int, ...] = ()
        self._artifacts = KeptArtifacts(workshop.artifacts / name_of(task))
        self.sandbox = str(self._level)
        self.phase = "setup"
        self.usage = ScriptUsage()
        self.log = JobLog(workshop.logs / name_of(task), on_news, begins_at=task.log_start)

    def begin(self, done: Callable[[ScriptEnd], None], gpus: tuple[int, ...]) -> None:
        self._gpus = gpus
        Thread(target=self._work, args=(done,), name=f"job-{self._task.job}", daemon=True).start()

    def renew(self, lease_s: float) -> None:
        with self._lock:
            self._lease_end = monotonic() + lease_s
            if self._guard is not None:
                self._guard.renew(lease_s)

    def stop(self, grace_s: float) -> None:
        with self._lock:
            self._stop.give()
            self._stop_by = min(self._stop_by, monotonic() + grace_s)
            if self._guard is not None:
                self._guard.stop(grace_s)

    def artifact(self, name: str, offset: int, length: int) -> bytes:
        return self._artifacts.get(name, offset, length)

    def remove(self) -> None:
        folder = self._workshop.folder / name_of(self._task)
        if folder.is_dir() and reap(folder):
            remove_tree(folder)
        self.log.remove()
        self._artifacts.remove()

    def _work(self, done: Callable[[ScriptEnd], None]) -> None:
        workshop, files = self._workshop, (self._task.spec.bundle, *self._task.spec.datasets)
        try:
            with (
                workshop.kept.use(file.blob for file in files),
                workshop.box(self._task, self._level, self.log.tell, self._stop, gpus=self._gpus) as box,
            ):
                end = self._in_box(box)
        except Exception as error:  # the top of a thread
            if not isinstance(error, OSError | TrainerError | TaskRejected):
                logger.exception("job %s failed unexpectedly", self._task.job)
            end = end_without_start(error)
        if end.reason and not end.rejected:  # the job knows nothing of a node that does not take it
            self.log.tell(end.reason, "e" if end.failure else "i")
        self.phase = "ended"
        done(end)

    def _in_box(self, box: Box) -> ScriptEnd:
        out, out_writer = os.pipe()
        err, err_writer = os.pipe()
        try:
            with self._guarded(box, out_writer, err_writer) as guard:
                os.close(out_writer)
                os.close(err_writer)
                out_writer = err_writer = -1
                ended, seconds = self._attend(guard, {out: Lines("o"), err: Lines("e")})
        finally:
            for each in (out, err, out_writer, err_writer):
                if each >= 0:
                    os.close(each)
        if not isinstance(ended, Ended):
            raise SetupFailed(ended.reason if ended is not None else "the job's watchdog was killed")
        left = self._artifacts.take_in(Path(box.out))
        for line in left.refused:
            self.log.tell(line, "w")
        return with_artifacts(end_of(ended, box.limits, seconds), left)

    @contextmanager
    def _guarded(self, box: Box, stdout: int, stderr: int) -> Iterator[Guard]:
        """The watchdog of the job, started unless the job is not wanted any more."""
        workshop = self._workshop
        with self._lock:
            left_s = self._lease_end - monotonic()
            self._stop.check()
            if left_s <= 0.0:
                raise SetupFailed("the coordinator was not heard of while it was set up")
            start = Start(
                box,
                self._level,
                workshop.parents or {},
                engine=workshop.settings.engine,
                lease_s=left_s,
                node=workshop.node,
            )
            guard = self._guard = Guard(start, stdout=stdout, stderr=stderr)
        try:
            yield guard
        finally:
            with self._lock:
                self._guard = None
            guard.close()

    def _is_overdue(self, now: float) -> bool:
        """Whether the watchdog should have ended its job long ago: who has stopped it may not keep the job alive."""
        return now > min(self._lease_end, self._stop_by) + _LATE_S

    def _end_what_is_left(self) -> None:
        """The watchdog could not see to all of the job: until nothing of it lives nobody may hear that it is over."""
        folder = self._workshop.folder / name_of(self._task)
        while not reap(folder):
            logger.error("job %s: something of it cannot be ended; tried again", self._task.job)
            Event().wait(_LOOK_S)

    def _attend(self, guard: Guard, streams: dict[int, Lines]) -> tuple[Ended | NoStart | None, float]:
        """Read what the job and its watchdog say until both are done; how it ended, after how many seconds."""
        ended: Ended | NoStart | None = None
        sources: set[Guard | int] = {guard, *streams}
        began, tokens, at = monotonic(), float(_BYTES_S), monotonic()
        while sources:
            now = monotonic()
            tokens, at = min(float(_BYTES_S), tokens + (now - at) * _BYTES_S), now
            watched = sources if tokens > 0.0 else sources & {guard}
            if guard in sources and self._is_overdue(now):
                guard.kill()
            for source in readable(watched, _LOOK_S if tokens > 0.0 else -tokens / _BYTES_S):
                if isinstance(source, Guard):
                    news = source.read()
                    for each in news or []:
                        if isinstance(each, Started):
                            self.phase, began = "running", monotonic()
                            self._stop_by = min(self._stop_by, began + (self._task.spec.timeout_s or inf))
                        elif isinstance(each, Used):
                            self.usage = usage_of(each, self.usage, self._workshop.gpu_memory(name_of(self._task)))
                        else:
                            ended = each
                    if news is None:
                        sources.discard(source)
                        if not isinstance(ended, Ended) or not ended.is_clean:
                            self._end_what_is_left()  # it would also hold the streams open
                else:
                    tokens -= self._take(source, streams, sources)
        if isinstance(ended, Ended):
            self.usage = usage_of(ended, self.usage, 0)
        return ended, monotonic() - began

    def _take(self, source: int, streams: dict[int, Lines], sources: set[Guard | int]) -> int:
        """Take in what a stream has; return how many bytes that were."""
        data = os.read(source, _READ_BYTES)
        if data:
            self.log.write(streams[source].take(data, now_ms()))
        else:
            self.log.write(streams[source].close(now_ms()))
            sources.discard(source)
        return len(data)
