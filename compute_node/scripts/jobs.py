"""The script jobs of this node: started, followed, cancelled, handed to a restarted coordinator, forgotten."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from math import inf

from compute_node.admission import Admission
from compute_node.scripts.executions import Execute, Execution
from compute_node.scripts.moved import for_the_sake_of_others
from compute_node.scripts.room import Room, Share
from rpc.aside import Aside
from rpc.errors import FailureKind, NotFound, RejectReason, Stale, TaskRejected
from rpc.loop import Loop, Timer
from rpc.messages import ScriptEnd, ScriptNews, ScriptTask
from rpc.server import Later

logger = logging.getLogger(__name__)

_NEWS_BYTES = 1 << 20  # of a log in one answer
_GATHER_S = 0.02  # between two answers about the same job, so that lines which come together go out together
_MAX_WAIT_S = 60.0  # of one long poll
_SETUP_WAIT_S = 1.0  # the same of one that begins before the program does: a silent program is heard of as well
_KEPT_S = 7 * 86_400.0  # what is over, for a coordinator that is not heard of


@dataclass(eq=False, slots=True)
class _Job:
    """One job.

    Attributes:
        owner: the name of the coordinator that it belongs to.
        room: what it may have of the node, until it is over.
        is_preempted: others need its place, and it goes on elsewhere.
        told_at: when a follower was answered last with something new.
    """

    task: ScriptTask
    owner: object
    execution: Execution
    end: ScriptEnd | None = None
    room: Share | None = None
    is_cancelled: bool = False
    is_preempted: bool = False
    followers: list[_Follower] = field(default_factory=list)
    gathering: Timer | None = None
    told_at: float = -inf


@dataclass(eq=False, slots=True)
class _Follower:
    attempt: str
    offset: int
    reply: Later
    timer: Timer


@dataclass(slots=True)
class _Heard:
    """When this node has answered a coordinator last, and which of the answers is the last that surely arrived."""

    arrived_at: float
    answered_at: float = 0.0


class ScriptJobs:
    """All methods run on the loop's thread."""

    def __init__(
        self, loop: Loop, files: Aside, admission: Admission, room: Room, execute: Execute, *, kept_s: float = _KEPT_S
    ) -> None:
        """What is over is kept until its coordinator has it, or has been silent for `kept_s`."""
        self._loop = loop
        self._kept_s = kept_s
        self._files = files
        self._admission = admission
        self._room = room
        self._execute = execute
        self._jobs: dict[tuple[object, str], _Job] = {}  # by owner and name
        self._heard: dict[object, _Heard] = {}
        self._is_leaving = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing runs, and nobody has yet to hear of what is over."""
        return not self._jobs

    @property
    def names(self) -> tuple[str, ...]:
        """The attempts that run."""
        return tuple(job.task.attempt for job in self._jobs.values() if job.end is None)

    def places(self, owner: object) -> list[str]:
        """The tasks of a coordinator that run here, or are over and wait to be fetched."""
        return [place(job.task) for job in self._jobs.values() if job.owner == owner and not job.is_cancelled]

    def artifact(self, owner: object, name: str, offset: int, length: int) -> Later:
        """Part of a file that a job of this coordinator has left.

        Raises:
            NotFound: none has left it.
        """
        for job in self._jobs.values():
            if job.owner == owner and job.end is not None and name in {file.blob for file in job.end.artifacts}:
                return self._files.later(partial(job.execution.artifact, name, offset, length))
        raise NotFound(f"no job here has left {name[:80]}")

    def knows(self, owner: object, job: str) -> bool:
        """Whether a job is here, running or over."""
        return (owner, job) in self._jobs

    def start(self, task: ScriptTask, owner: object) -> None:
        """Start a job; go on with it if it is here already.

        Raises:
            TaskRejected: no slot is free, it does not fit, an earlier attempt is ending, or this node ends soon.
            Stale: the coordinator has asked for it again meanwhile.
        """
        known = self._jobs.get((owner, task.job))
        if known is not None and known.is_cancelled:
            raise TaskRejected(RejectReason.BUSY, f"an earlier attempt of {task.job} is ending here")
        if known is not None:
            if task.fence < known.task.fence:
                raise Stale(f"{task.attempt}: {known.task.attempt} came later")
            logger.info("job %s: %s goes on as %s", task.job, known.task.attempt, task.attempt)
            self._take_over(known, task)
            return
        left_s = self._left_s(owner, task)
        if left_s <= 0.0:
            raise TaskRejected(RejectReason.BUSY, "this node was held up, and the coordinator may have given it up")
        execution = self._execute(task, lambda: self._loop.post(partial(self._news, owner, task.job)))
        self._room.check(task.spec)
        self._admission.enter("")
        room = self._room.enter(task.spec)
        job = self._jobs[owner, task.job] = _Job(task, owner, execution, room=room)
        logger.info("job %s: started as %s", task.job, task.attempt)
        execution.renew(left_s)
        execution.begin(lambda end: self._loop.post(lambda: self._over(job, end)), room.gpus)

    def follow(self, owner: object, attempt: str, offset: int, wait_s: float) -> Later:
        """Answer with what is new since an offset of the log, or with the end; after `wait_s` at the latest.

        Raises:
            NotFound: the attempt is not here.
        """
        job = self._by_attempt(owner, attempt)
        reply = Later()

        def time_over() -> None:
            job.followers.remove(follower)
            self._answer(job, follower)

        most_s = _SETUP_WAIT_S if job.execution.phase == "setup" else _MAX_WAIT_S
        timer = self._loop.call_later(min(wait_s, most_s), time_over)
        follower = _Follower(attempt, offset, reply, timer)
        job.followers.append(follower)
        if job.end is not None or job.execution.log.end > offset:
            self._tell(job)
        return reply

    def cancel(self, owner: object, attempt: str, grace_s: float, *, preempts: bool = False) -> None:
        """Have a job end within the grace, perhaps to go on elsewhere; harmless if it is not here."""
        job = next((job for job in self._jobs.values() if job.owner == owner and job.task.attempt == attempt), None)
        if job is not None:
            job.is_preempted = preempts
            job.execution.stop(grace_s)

    def greeted(self, owner: object, *, by_control: bool = True) -> None:
        """A coordinator has connected; on its control connection the answer counts, which is given now."""
        heard = self._heard.setdefault(owner, _Heard(self._loop.now))
        if by_control:
            heard.answered_at = self._loop.now

    def heard(self, owner: object) -> None:
        """A heartbeat of a coordinator, which is answered now: its jobs go on.

        A heartbeat may have waited long for this node to wake up, or for the network. But it was sent after the answer
        to the one before had arrived, so the coordinator has heard of this node since that was given.
        """
        heard = self._heard[owner]
        heard.arrived_at, heard.answered_at = heard.answered_at, self._loop.now
        for job in self._jobs.values():
            if job.owner == owner and job.end is None:
                self._renew(job)

    def forget(self, owner: object, job_id: str) -> None:
        """A job is over and safe, or not wanted any more."""
        job = self._jobs.get((owner, job_id))
        if job is None:
            return
        job.is_cancelled = True
        if job.end is None:
            job.execution.stop(0.0)
        else:
            self._drop(job)

    def stop_all(self) -> None:
        """This node ends: so do its jobs here, to be started elsewhere."""
        self._is_leaving = True
        for job in self._jobs.values():
            if job.end is None:
                job.execution.stop(0.0)

    def _take_over(self, job: _Job, task: ScriptTask) -> None:
        for follower in job.followers:
            follower.timer.cancel()
            follower.reply.fail(Stale(f"{job.task.attempt} goes on as {task.attempt}"))
        job.followers.clear()
        job.task = task
        if job.end is None:
            self._renew(job)

    def _left_s(self, owner: object, task: ScriptTask) -> float:
        """How long a job may go on without another word of its coordinator."""
        return self._heard[owner].arrived_at + task.lease_s - self._loop.now

    def _renew(self, job: _Job) -> None:
        job.execution.renew(max(0.0, self._left_s(job.owner, job.task)))

    def _news(self, owner: object, job_id: str) -> None:
        job = self._jobs.get((owner, job_id))
        if job is not None and job.followers and job.gathering is None:
            wait_s = max(0.0, job.told_at + _GATHER_S - self._loop.now)
            job.gathering = self._loop.call_later(wait_s, lambda: self._tell(job))

    def _tell(self, job: _Job) -> None:
        if job.gathering is not None:
            job.gathering.cancel()
            job.gathering = None
        followers, job.followers = job.followers, []
        if followers:
            job.told_at = self._loop.now
        for follower in followers:
            follower.timer.cancel()
            self._answer(job, follower)

    def _answer(self, job: _Job, follower: _Follower) -> None:
        log, end = job.execution.log, job.end  # the end as it is before the log is read: nothing comes after it

        def news() -> ScriptNews:
            piece = log.read(follower.offset, _NEWS_BYTES)
            return ScriptNews(
                attempt=follower.attempt,
                fence=job.task.fence,
                phase=job.execution.phase,
                log=piece.data,
                start=piece.start,
                next_offset=piece.next,
                usage=job.execution.usage,
                ended=end if piece.next >= log.end else None,
                sandbox=job.execution.sandbox,
            )

        self._files.run(news, follower.reply.settle)

    def _over(self, job: _Job, end: ScriptEnd) -> None:
        if end.failure == FailureKind.CANCELLED:
            end = for_the_sake_of_others(end, is_leaving=self._is_leaving, is_preempted=job.is_preempted)
        job.end = end
        if job.room is not None:
            self._room.leave(job.room)
            self._admission.leave()
            job.room = None
        logger.info("job %s: over (status %d%s)", job.task.job, end.status, f", {end.reason}" if end.reason else "")
        if job.is_cancelled:
            self._drop(job)
        else:
            self._tell(job)
            self._loop.call_later(self._kept_s, lambda: self._drop_if_abandoned(job))

    def _drop_if_abandoned(self, job: _Job) -> None:
        """Nobody may ever come for it; its coordinator, should it return, is not told of it and starts it anew."""
        if self._jobs.get((job.owner, job.task.job)) is not job:
            return
        left_s = self._heard[job.owner].answered_at + self._kept_s - self._loop.now
        if left_s > 0.0:
            self._loop.call_later(left_s, lambda: self._drop_if_abandoned(job))
        else:
            logger.warning("job %s: dropped; its coordinator was silent for %.0f s", job.task.job, self._kept_s)
            self._drop(job)

    def _drop(self, job: _Job) -> None:
        del self._jobs[job.owner, job.task.job]
        for follower in job.followers:
            follower.timer.cancel()
            follower.reply.fail(NotFound(f"{job.task.attempt} is forgotten"))
        self._files.run(job.execution.remove, lambda _: None)

    def _by_attempt(self, owner: object, attempt: str) -> _Job:
        for job in self._jobs.values():
            if job.owner == owner and job.task.attempt == attempt:
                return job
        raise NotFound(f"{attempt} is not on this node; start it again")


def place(task: ScriptTask) -> str:
    """RUN/ROUND/SHARD, as the coordinator calls a task."""
    return f"{task.job}/0/0"
