"""What a node's service does for script jobs, from its first hello on: until the sandboxes are tried it takes none."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple

from compute_node.admission import Admission
from compute_node.cache import Cache
from compute_node.kept_blobs import KeptBlobs
from compute_node.scripts.consent import Consent
from compute_node.scripts.executions import Execution
from compute_node.scripts.jobs import ScriptJobs
from compute_node.scripts.room import Room
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.terminal import Terminal
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.errors import RejectReason, Stale, TaskRejected
from rpc.loop import Loop
from rpc.messages import NO_SANDBOX, SCRIPTS, TRYING, ScriptTask
from rpc.server import Later

if TYPE_CHECKING:
    from compute_node.scripts.workshop import Workshop

logger = logging.getLogger(__name__)

# So long what a coordinator said of a job that is not here counts more than what it said before: to a node that was
# held up both come at once, on connections of their own and in any order.
_LATE_S = 30.0
_MOST_LATE = 10_000  # jobs of which that is remembered


class _Last(NamedTuple):
    """The last that was said of a job: the fence of an attempt, infinite once the job is over."""

    fence: float
    at: float


class ScriptService:
    """Everything but the opening runs on the loop's thread."""

    def __init__(
        self,
        settings: ScriptSettings,
        loop: Loop,
        *,
        files: Aside,
        admission: Admission,
        blobs: BlobFolder,
        folder: Path,
        kept: KeptBlobs,
        cache: Cache,
        gpu_memory: Callable[[str], int],
    ) -> None:
        """End what an earlier process of this node has left in its folder.

        Args:
            cache: gets the shelves of the environments and images.
            gpu_memory: tells how many bytes the job of a JOB_NAME holds on GPUs.
        """
        self._settings = settings
        self._loop = loop
        self._files = files
        self._blobs = blobs
        self._folder = folder
        self._kept = kept
        self._cache = cache
        self._gpu_memory = gpu_memory
        self._room = Room(settings)
        self._consent = Consent(loop, settings, Terminal())
        self._is_on = settings.is_on and sys.platform == "linux"
        self._why_not = "" if self._is_on else "this node takes no script jobs (--accept never, or not on Linux)"
        self._workshop: Workshop | None = None
        self._is_closed = False
        self._last: dict[tuple[object, str], _Last] = {}  # by owner and job, the newest at the end
        self._jobs = ScriptJobs(loop, files, admission, self._room, self._execution)
        self.labels: Mapping[str, str] = {SCRIPTS: TRYING if self._is_on else NO_SANDBOX}
        if self._is_on:
            from compute_node.scripts.opening import clear  # late: other systems lack what it and the jobs need

            clear(folder)

    def open(self, node: str) -> None:
        """Try the sandboxes on a thread; `node` is this node's name on the machine."""
        if self._is_on:
            Thread(target=self._open, args=(node,), name="sandboxes", daemon=True).start()

    def found_gpus(self, numbers: tuple[int, ...]) -> None:
        """These are the GPUs that jobs may have."""
        self._room.gpus = numbers

    @property
    def names(self) -> tuple[str, ...]:
        """The attempts that run."""
        return self._jobs.names

    def places(self, owner: object) -> list[str]:
        return [*self._jobs.places(owner), *self._consent.places(owner)]

    def start(self, task: ScriptTask, owner: object) -> Later | None:
        """Start a job, or go on with it; at once, or when the node's operator has said yes.

        Raises:
            TaskRejected: not here, or not now.
            Stale: the job is over, or was asked for again, and this came late.
        """
        if self._why_not:
            raise TaskRejected(RejectReason.OPERATOR, self._why_not)
        if self._jobs.knows(owner, task.job):
            self._jobs.start(task, owner)
            return None
        self._check_order(owner, task)
        self._ready_workshop().level_for(task.spec)
        self._room.check(task.spec)
        return self._consent.admit(task, owner, lambda agreed: self._jobs.start(agreed, owner))

    def follow(self, owner: object, attempt: str, offset: int, wait_ms: int) -> Later:
        return self._jobs.follow(owner, attempt, offset, wait_ms / 1000.0)

    def cancel(self, owner: object, attempt: str, grace_ms: int) -> None:
        self._consent.withdraw(owner, attempt)
        self._jobs.cancel(owner, attempt, grace_ms / 1000.0)

    def preempt(self, owner: object, attempt: str, grace_ms: int) -> None:
        self._jobs.cancel(owner, attempt, grace_ms / 1000.0, preempts=True)

    def greeted(self, owner: object, *, by_control: bool) -> None:
        self._jobs.greeted(owner, by_control=by_control)

    def heard(self, owner: object) -> None:
        self._jobs.heard(owner)

    def forget(self, owner: object, job: str) -> None:
        self._consent.withdraw(owner, job)
        if self._jobs.knows(owner, job):
            self._jobs.forget(owner, job)
        else:
            self._note(owner, job, inf)

    def artifact(self, owner: object, name: str, offset: int, length: int) -> Later:
        """Part of a file that a job has left; raises NotFound if none of this coordinator's has."""
        return self._jobs.artifact(owner, name, offset, length)

    @property
    def is_empty(self) -> bool:
        """Whether no job runs, waits for an answer, or is over without that having been heard."""
        return self._jobs.is_empty and not self._consent.is_asking

    def end_all(self) -> None:
        """Stop what runs; whoever follows it hears of that."""
        self._consent.close()
        self._jobs.stop_all()

    def close(self) -> None:
        self._is_closed = True
        self.end_all()
        if self._workshop is not None:
            self._workshop.environments.close()

    def _check_order(self, owner: object, task: ScriptTask) -> None:
        """Raise Stale if a later word of the job came before this one."""
        last = self._last.get((owner, task.job))
        if last is not None and task.fence < last.fence and self._loop.now - last.at < _LATE_S:
            why = f"{task.job} is over" if last.fence == inf else "it was asked for again"
            raise Stale(f"{task.attempt} comes late: {why}")
        self._note(owner, task.job, task.fence)

    def _note(self, owner: object, job: str, fence: float) -> None:
        self._last.pop((owner, job), None)
        self._last[owner, job] = _Last(fence, self._loop.now)
        if len(self._last) > _MOST_LATE:
            del self._last[next(iter(self._last))]

    def _execution(self, task: ScriptTask, on_news: Callable[[], None]) -> Execution:
        from compute_node.scripts.execution import BoxedExecution

        return BoxedExecution(task, self._ready_workshop(), on_news)

    def _ready_workshop(self) -> Workshop:
        if self._workshop is None:
            raise TaskRejected(RejectReason.BUSY, "this node still tries its sandboxes")
        return self._workshop

    def _open(self, node: str) -> None:
        from compute_node.scripts.opening import open_workshop

        try:
            workshop = open_workshop(
                self._folder, self._blobs, self._settings, node, kept=self._kept, gpu_memory=self._gpu_memory
            )
        except Exception as error:  # the top of a thread
            if self._is_closed:  # and its folder may be gone
                return
            logger.exception("the sandboxes could not be tried; this node takes no script jobs")
            reason = f"this node could not try its sandboxes: {error}"
            self._loop.post(lambda: self._closed(reason))
            return
        self._loop.post(lambda: self._opened(workshop))

    def _opened(self, workshop: Workshop) -> None:
        from compute_node.scripts.opening import offered

        self._workshop = workshop
        self._cache.add(workshop.environments)
        if workshop.bundle_images is not None:
            self._cache.add(workshop.bundle_images)
        levels = offered(workshop.sandboxes)
        if levels:
            self.labels = {SCRIPTS: ",".join(levels), **self._room.labels}
        else:
            reasons = "; ".join(str(report) for report in workshop.sandboxes.reports.values())
            self._closed(f"no sandbox works here: {reasons}")

    def _closed(self, reason: str) -> None:
        logger.warning("no script jobs: %s", reason)
        self._why_not = reason
        self.labels = {SCRIPTS: NO_SANDBOX}
