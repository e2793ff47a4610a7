"""Room for work of a higher priority: script jobs of a lower one are asked to end, and wait for another turn.

Only they hold a slot for long; tasks of runs give theirs back by themselves, and the queue serves higher priorities
first. As with Slurm's `PreemptMode=REQUEUE`, what is preempted starts anew, and has not failed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from coordinator.core.events import Broke, Command, Note, Stop
from coordinator.core.kept_free import KeptFree
from coordinator.core.model import Attempt, Band, Node, Task, TaskState, Work, WorkState
from coordinator.core.pool import NodePool
from coordinator.core.queue import band_of
from coordinator.core.scripting import GRACE_S
from coordinator.core.set_backs import set_back
from coordinator.core.suitability import gpus_of, suits, within_its_limit
from coordinator.core.workload import ARRAY

_IN_TURN_S = 2.0  # so long a task of a run that goes on waits for a slot of its own


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


class _Wish(NamedTuple):
    """What a task wants of a node besides a slot."""

    gpus: int = 0
    memory_bytes: int = 0


@dataclass(slots=True, eq=False)
class _Room:
    """What of a node is free, or will be when those that are asked to end have ended; each GPU is one job's."""

    node: Node
    slots: int
    gpus: float
    jobs: list[_Job]
    ending: int

    def give(self, wish: _Wish, *, is_crowded: bool) -> bool:
        """Promise what is wished for to somebody, if it is there; a crowded node needs some job to end first."""
        if self.slots < 1 or self.gpus < wish.gpus or (is_crowded and not self.ending):
            return False
        self.slots, self.gpus, self.ending = self.slots - 1, self.gpus - wish.gpus, self.ending - is_crowded
        return True

    def to_end(self, priority: int, wish: _Wish, *, is_crowded: bool) -> list[_Job]:
        """The jobs below this priority whose end would make room for the wish; none: it would not do.

        Of a crowded node nobody here knows how much is free: so many end that theirs will do.
        """
        found: list[_Job] = []
        slots, gpus = 0 if is_crowded else self.slots, self.gpus
        memory_bytes = 0 if is_crowded else wish.memory_bytes
        for job in sorted(self.jobs, key=lambda job: job.worth):
            if job.work.claim.priority >= priority or (gpus < wish.gpus and not _wish(job.work).gpus):
                continue
            found.append(job)
            slots, gpus = slots + 1, gpus + _wish(job.work).gpus
            memory_bytes += _wish(job.work).memory_bytes or wish.memory_bytes  # of one that names none: enough
            if slots > 0 and gpus >= wish.gpus and memory_bytes >= wish.memory_bytes:
                return found
        return []

    def free(self, job: _Job) -> None:
        self.jobs.remove(job)
        self.slots, self.gpus, self.ending = self.slots + 1, self.gpus + _wish(job.work).gpus, self.ending + 1


class Preemption:
    """Looks now and then for work that waits for what others of a lower priority have."""

    def __init__(self, pool: NodePool, works: Mapping[str, Work], kept_free: KeptFree) -> None:
        """`works` are those that have not ended."""
        self._pool = pool
        self._works = works
        self._kept_free = kept_free
        self._ending: set[Attempt] = set()  # asked to end, for whatever reason

    def look(self, running: Iterable[Work], now: float) -> list[Command]:
        """Ask jobs among the running works to end for the sake of others."""
        self._ending = {each for each in self._ending if self._pool.runs(each)}
        self._kept_free.look(self._works, now)
        jobs = list(self._jobs(running))
        if not jobs:
            return []
        rooms = {node.id: self._room(node, jobs) for node in self._pool.live()}
        lowest = min(job.work.claim.priority for job in jobs)
        waiting = [work for work in self._works.values() if work.claim.priority > lowest and _may_go_on(work)]
        waiting.sort(key=lambda work: (-work.claim.priority, work.number))
        seated: Counter[str] = Counter()  # works that get their first place now, by owner
        in_vain: set[Band] = set()  # whose works would find no place, whatever ended: of thousands not each is tried
        commands: list[Command] = []
        for work in waiting:
            if not _has_room(work, seated) or (in_vain and (work.band or band_of(work)) in in_vain):
                continue
            found = [self._seat(work, task, rooms, in_vain, now) for task in _wanting(work, now)]
            commands += [command for each in found for command in each or ()]
            if work.id not in work.owner.holds and any(each is not None for each in found):
                seated[work.owner.name] += 1
        return commands

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

    def _seat(
        self, work: Work, task: Task | None, rooms: Mapping[str, _Room], in_vain: set[Band], now: float
    ) -> list[Command] | None:
        """Find a place for one task, or for the first one of work that has none yet; None if there is none.

        Where there would be none for any work of its band, that is told in `in_vain`.
        """
        wish, suitable = _wish(work), within_its_limit(work, suits(work, task, self._pool))
        crowded = task.crowded_by if task is not None else set()
        turned_down = task.refused_by - crowded if task is not None and not wish.gpus else set()
        fitting = [room for room in rooms.values() if room.node.id not in turned_down and suitable(room.node.id)]
        if any(room.give(wish, is_crowded=room.node.id in crowded) for room in fitting):
            return []
        found = [
            (room, jobs)
            for room in fitting
            if (jobs := room.to_end(work.claim.priority, wish, is_crowded=room.node.id in crowded))
        ]
        if not (found or crowded or turned_down or work.claim.max_nodes):
            in_vain.add(work.band or band_of(work))
        found = [(room, jobs) for room, jobs in found if self._kept_free.may_free(work, room.node.id)]
        if not found:
            return None
        room, jobs = min(found, key=lambda each: ([job.worth for job in each[1]], each[0].node.id))
        for job in jobs:
            room.free(job)
            self._ending.add(job.attempt)
        room.give(wish, is_crowded=room.node.id in crowded)
        self._kept_free.freed(work, room.node.id, [job.attempt for job in jobs], now)
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
        slots, gpus = node.free_slots + len(ending), gpus_of(node.labels) - used.total()
        return _Room(node, slots, gpus, mine, len(ending))

    def _gpus_of(self, attempt: Attempt) -> int:
        work = self._works.get(attempt.task_id.partition("/")[0])
        return _wish(work).gpus if work is not None else 0


def _wish(work: Work) -> _Wish:
    script = work.claim.script
    return _Wish(script.gpus, script.memory_bytes) if script is not None else _Wish()


def _may_go_on(work: Work) -> bool:
    """Whether nothing but a place keeps the work; of an array it is its members that want one."""
    return not work.awaits and work.workload.kind != ARRAY and work.owner.has_room_for(work.id)


def _has_room(work: Work, seated: Mapping[str, int]) -> bool:
    """Whether its owner may have another work at a place, besides those that get theirs now."""
    owner = work.owner
    return not owner.most or work.id in owner.holds or len(owner.holds) + seated[owner.name] < owner.most


def _wanting(work: Work, now: float) -> Iterator[Task | None]:
    """What waits for a place: each ready task, or the first one of work whose turn has not come.

    A crowded node turns down a job, and so does one whose GPUs others have: those wait as well. The tasks of a run that
    goes on get a slot in turn: jobs end for them only when that takes long.
    """
    if work.awaits_turn and not work.tasks:
        yield None
    goes_on = bool(work.nodes) and not work.claim.holds_place
    for task in work.tasks.values():
        may_fit_later = bool(task.crowded_by or _wish(work).gpus)
        is_ready = task.state is TaskState.READY and not task.bound and not (task.sweeps and not may_fit_later)
        if goes_on and now - task.ready_at < _IN_TURN_S:
            continue
        if is_ready or (task.state is TaskState.DELAYED and task.is_swept and not task.are_firm and may_fit_later):
            yield task


def _end(job: _Job, work: Work) -> list[Command]:
    # Whose work it is that goes before is nothing to other owners.
    other = work.id if work.owner is job.work.owner else "work of another owner"
    text = f"for {other}, whose priority is {work.claim.priority}, not {job.work.claim.priority}"
    note = Note("preempted", text, job.work.id, job.attempt.node_id)
    return [Stop(job.attempt, GRACE_S, preempts=True), note]
