"""Room for work of a higher priority: script jobs of a lower one are asked to end, and wait for another turn.

Only they hold a slot for long; tasks of runs give theirs back by themselves, and the queue serves higher priorities
first. As with Slurm's `PreemptMode=REQUEUE`, what is preempted starts anew, and has not failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from coordinator.core.events import Broke, Command, Note, Stop
from coordinator.core.model import Attempt, Node, Task, TaskState, Work, WorkState
from coordinator.core.pool import NodePool
from coordinator.core.scripting import GRACE_S
from coordinator.core.set_backs import set_back
from coordinator.core.suitability import gpus_of, suits, within_its_limit


@dataclass(slots=True, eq=False)
class _Job:
    """A script job that runs, and may be preempted."""

    work: Work
    attempt: Attempt
    placed_at: float

    @property
    def worth(self) -> tuple[int, float]:
        """What has the smallest is preempted first: a low priority, and least work to be lost."""
        return self.work.claim.priority, -self.placed_at


@dataclass(slots=True, eq=False)
class _Room:
    """What of a node is free, or will be when those that are asked to end have ended; each GPU is one job's."""

    node: Node
    slots: int
    gpus: float
    jobs: list[_Job]

    def give(self, gpus: int) -> bool:
        """Promise a slot and so many GPUs to somebody, if they are there."""
        if self.slots < 1 or self.gpus < gpus:
            return False
        self.slots, self.gpus = self.slots - 1, self.gpus - gpus
        return True

    def to_end(self, priority: int, gpus: int) -> list[_Job]:
        """The jobs below this priority whose end would make room for a slot and so many GPUs; none: it would not do."""
        found: list[_Job] = []
        slots, left = self.slots, self.gpus
        for job in sorted(self.jobs, key=lambda job: job.worth):
            if job.work.claim.priority >= priority or (left < gpus and not _gpus(job.work)):
                continue
            found.append(job)
            slots, left = slots + 1, left + _gpus(job.work)
            if slots > 0 and left >= gpus:
                return found
        return []

    def free(self, job: _Job) -> None:
        self.jobs.remove(job)
        self.slots, self.gpus = self.slots + 1, self.gpus + _gpus(job.work)


class Preemption:
    """Looks now and then for work that waits for what others of a lower priority have."""

    def __init__(self, pool: NodePool, works: Mapping[str, Work]) -> None:
        """`works` are those that have not ended."""
        self._pool = pool
        self._works = works
        self._ending: set[Attempt] = set()  # asked to end, for whatever reason
        self._made_room: set[tuple[str, str]] = set()  # by work and node: once is enough, or two would drive each other

    def look(self, running: Iterable[Work]) -> list[Command]:
        """Ask jobs among the running works to end for the sake of others."""
        self._ending = {each for each in self._ending if self._is_there(each)}
        jobs = list(self._jobs(running))
        if not jobs:
            return []
        self._made_room = {each for each in self._made_room if each[0] in self._works}
        rooms = {node.id: self._room(node, jobs) for node in self._pool.live()}
        lowest = min(job.work.claim.priority for job in jobs)
        waiting = [work for work in self._works.values() if work.claim.priority > lowest and _may_go_on(work)]
        waiting.sort(key=lambda work: (-work.claim.priority, work.number))
        return [command for work in waiting for task in _wanting(work) for command in self._seat(work, task, rooms)]

    def ends(self, attempt: Attempt) -> None:
        """The attempt was asked to end: its place will be free."""
        self._ending.add(attempt)

    def over(self, work: Work, task: Task, told: Broke) -> tuple[list[Command], bool]:
        """The task was preempted, as its node tells; return what there is to tell, and whether that was asked for."""
        attempt = task.attempt
        assert attempt is not None
        was_asked = attempt in self._ending
        self._ending.discard(attempt)
        self._pool.news.add(attempt.node_id)  # whoever was turned down for want of what is free now is asked again
        task.bound = ""
        return [set_back(work, task, told.kind.code, told.message)], was_asked

    def _seat(self, work: Work, task: Task | None, rooms: Mapping[str, _Room]) -> list[Command]:
        """Find a place for one task, or for the first one of work that has none yet."""
        gpus, suitable = _gpus(work), within_its_limit(work, suits(work, task, self._pool))
        turned_down = task.refused_by if task is not None and not gpus else set()
        fitting = [room for room in rooms.values() if room.node.id not in turned_down and suitable(room.node.id)]
        if any(room.give(gpus) for room in fitting):
            return []
        found = [
            (room, jobs)
            for room in fitting
            if (work.id, room.node.id) not in self._made_room and (jobs := room.to_end(work.claim.priority, gpus))
        ]
        if not found:
            return []
        room, jobs = min(found, key=lambda each: ([job.worth for job in each[1]], each[0].node.id))
        for job in jobs:
            room.free(job)
            self._ending.add(job.attempt)
        room.give(gpus)
        self._made_room.add((work.id, room.node.id))
        return [command for job in jobs for command in _end(job, work)]

    def _jobs(self, running: Iterable[Work]) -> Iterator[_Job]:
        """Those that may be preempted: what may be begun only once is not."""
        for work in running:
            if work.claim.holds_place and work.state is WorkState.RUNNING and work.workload.limits.max_attempts > 1:
                for task in work.tasks.values():
                    attempt = task.attempt
                    if attempt is not None and task.state is TaskState.PLACED and attempt not in self._ending:
                        yield _Job(work, attempt, task.placed_at)

    def _room(self, node: Node, jobs: list[_Job]) -> _Room:
        ending = [each for each in node.running.values() if each in self._ending]
        used = Counter({each: self._gpus_of(each) for each in node.running.values() if each not in self._ending})
        mine = [job for job in jobs if job.attempt.node_id == node.id]
        return _Room(node, node.free_slots + len(ending), gpus_of(node.labels) - used.total(), mine)

    def _gpus_of(self, attempt: Attempt) -> int:
        work = self._works.get(attempt.task_id.partition("/")[0])
        return _gpus(work) if work is not None else 0

    def _is_there(self, attempt: Attempt) -> bool:
        node = self._pool.get(attempt.node_id, attempt.session)
        return node is not None and attempt.fence in node.running


def _gpus(work: Work) -> int:
    return work.claim.script.gpus if work.claim.script is not None else 0


def _may_go_on(work: Work) -> bool:
    """Whether nothing but a place keeps the work."""
    return not work.awaits and work.owner.has_room_for(work.id)


def _wanting(work: Work) -> Iterator[Task | None]:
    """What waits for a place: each ready task, or the first one of work whose turn has not come.

    A node turns down a job that wants a GPU which another one has: so that waits as well, unless the no is a firm one.
    """
    if work.awaits_turn and not work.tasks:
        yield None
    for task in work.tasks.values():
        is_ready = task.state is TaskState.READY and not task.bound and not (task.sweeps and not _gpus(work))
        if is_ready or (task.state is TaskState.DELAYED and task.is_swept and not task.are_firm and _gpus(work)):
            yield task


def _end(job: _Job, work: Work) -> list[Command]:
    text = f"for {work.id}, whose priority is {work.claim.priority}, not {job.work.claim.priority}"
    note = Note("preempted", text, job.work.id, job.attempt.node_id)
    return [Stop(job.attempt, GRACE_S, preempts=True), note]
