"""A schedule of script jobs: which nodes, jobs and faults a simulation has. All of it follows from the seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

LEASE_S = 30.0  # of a job
NODE_LEASE_S = 10.0


class JobFault(StrEnum):
    """What befalls a node."""

    KILL = "kill"  # what it runs is dead, and it is back in a while
    PARTITION = "partition"  # nothing passes for a time; what was on its way arrives thereafter
    PAUSE = "pause"  # the node stands still as well
    SLOT_LOST = "slot lost"  # the connection of an attempt breaks
    GARBAGE = "garbage"  # nobody understands what the node says of an attempt


class Fate(StrEnum):
    """What becomes of a program that nobody disturbs."""

    COMPLETED = "completed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    SETUP_FAILED = "set-up failed"


@dataclass(frozen=True, slots=True)
class JobPlan:
    id: str
    submit_at: float
    runs_s: float
    fate: Fate
    retries: int
    cancel_at: float | None
    owner: str
    after: tuple[tuple[str, bool], ...] = ()  # jobs submitted before, and whether any end of each will do
    priority: int = 0


@dataclass(frozen=True, slots=True)
class NodeFault:
    at: float
    kind: JobFault
    node: str
    span_s: float


@dataclass(frozen=True, slots=True)
class JobSchedule:
    """`rounds` and `shards` are of the training run that shares the nodes; `crashes` are times and spans."""

    name: str
    nodes: tuple[tuple[str, int], ...]
    jobs: tuple[JobPlan, ...]
    faults: tuple[NodeFault, ...]
    crashes: tuple[tuple[float, float], ...]
    outages: tuple[tuple[float, float], ...]
    rounds: int
    shards: int
    kept_work: int
    most: int = 0  # works of one owner that run at once
    preempts: bool = False


def make_job_schedule(seed: int, number: int) -> JobSchedule:
    """Return schedule `number` of the series `seed`."""
    rng = Random(f"jobs/{seed}/{number}")
    nodes = tuple((f"n{index}", rng.choice([1, 1, 2])) for index in range(rng.choice([1, 2, 3, 5])))
    jobs = tuple(_job(rng, index) for index in range(rng.choice([1, 3, 10, 30])))
    span_s = 10.0 + sum(job.runs_s for job in jobs) / len(nodes)
    kinds = list(JobFault)

    def some(counts: Sequence[int], longest_s: Sequence[float]) -> list[tuple[float, float]]:
        times = sorted(rng.uniform(0.0, span_s) for _ in range(rng.choice(counts)))
        return [(at, rng.uniform(0.1, rng.choice(longest_s))) for at in times]

    struck = some([0, 3, 10, 20], [5.0, 70.0])
    schedule = _with_order(
        rng,
        JobSchedule(
            name=f"jobs/{seed}/{number}",
            nodes=nodes,
            jobs=jobs,
            faults=tuple(NodeFault(at, rng.choice(kinds), rng.choice(nodes)[0], span_s) for at, span_s in struck),
            crashes=tuple(some([0, 0, 1, 3], [2.0, 50.0])),
            outages=tuple(some([0, 0, 1], [8.0])),
            rounds=rng.choice([0, 5, 20]),
            shards=rng.randint(1, 6),
            kept_work=200,
        ),
    )
    return _with_priorities(Random(f"priorities/{seed}/{number}"), schedule)


def _with_priorities(rng: Random, schedule: JobSchedule) -> JobSchedule:
    """The same with a priority for each job, of which there may be one for all."""
    highest = rng.choice([0, 0, 1, 3])
    jobs = tuple(replace(job, priority=rng.randint(-highest, highest)) for job in schedule.jobs)
    return replace(schedule, jobs=jobs, preempts=rng.random() < 0.7)


def _with_order(rng: Random, schedule: JobSchedule) -> JobSchedule:
    """The same with some jobs after others."""
    share = rng.choice([0.0, 0.3, 0.9])
    jobs = []
    for job in schedule.jobs:
        earlier = [other.id for other in schedule.jobs if other.submit_at < job.submit_at]
        named = rng.sample(earlier, min(len(earlier), rng.choice([1, 1, 2, 4]))) if rng.random() < share else []
        jobs.append(replace(job, after=tuple((name, rng.random() < 0.3) for name in named)))
    return replace(schedule, jobs=tuple(jobs), kept_work=rng.choice([0, 3, 200]), most=rng.choice([0, 0, 1, 2]))


def _job(rng: Random, index: int) -> JobPlan:
    submit_at = rng.uniform(0.0, 5.0)
    fate = rng.choices(list(Fate), [0.8, 0.08, 0.06, 0.06])[0]
    return JobPlan(
        id=f"j{index}",
        submit_at=submit_at,
        runs_s=rng.choice([0.05, 1.0, 20.0]) * rng.uniform(0.5, 1.5),
        fate=fate,
        retries=rng.choice([0, 1, 3] if fate is Fate.SETUP_FAILED else [0, 1, 3, 1000]),
        cancel_at=submit_at + rng.uniform(0.0, rng.choice([0.1, 30.0])) if rng.random() < 0.25 else None,
        owner=rng.choice("ab"),
    )
