"""A schedule: which nodes, runs and faults a simulation has. All of it follows from the seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random

from coordinator.core.policies import POLICIES
from coordinator.core.workload import TrainPayload
from mlcore.participation import n_participants
from rpc.messages import ADAPTIVE, DataFile, RunSpec
from rpc.run_spec import MAX_PRIORITY
from tests.simulation import trainer
from tests.simulation.coverage import NODE_FAULTS, ONLY_LARGE, POSSIBLE, Column, FaultKind

SPARE_NODES = 8  # so many, and two that are like each other stay whatever happens
GENEROUS_S = 6000.0  # no schedule that can end needs this long, whatever its faults


class Doom(StrEnum):
    """What happens to all nodes for good at some time, so that a run may end for want of capacity."""

    NONE = "none"
    GONE = "gone"
    DECLINE = "decline"


@dataclass(frozen=True, slots=True)
class NodePlan:
    """`task_s` is the time the node needs for a task, in seconds; before `sane_from` it answers all with garbage."""

    id: str
    slots: int
    task_s: float
    numeric_class: str
    joins_at: float
    sane_from: float
    rack: str

    def is_like(self, other: NodePlan) -> bool:
        """Whether every run that may use one of them may use the other."""
        return (self.numeric_class, self.rack) == (other.numeric_class, other.rack)


@dataclass(frozen=True, slots=True)
class RunPlan:
    """`large`: deltas wait on their nodes until they are fetched."""

    id: str
    spec: RunSpec
    rows: tuple[int, ...]
    large: bool
    submit_at: float
    cancel_at: float | None

    def delta(self, model: int, task: TrainPayload) -> int:
        """What comes of the task when it starts from the model."""
        return trainer.delta(model, task.plan.settings.seed, (task.round, task.shard), task.weight)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """A fault that strikes the first victim there is from `at` on: one in the state `aim`, if given."""

    at: float
    kind: FaultKind
    aim: Column | None


@dataclass(frozen=True, slots=True)
class DrainPlan:
    """A node that gets nothing new from a time to another one."""

    node: str
    at: float
    until: float


class CrashAt(StrEnum):
    """Where in its work the coordinator is killed."""

    ANYWHERE = "anywhere"
    COMMANDS = "commands"  # some commands of an event are carried out, the others are not
    UNWRITTEN = "unwritten"  # a group is complete and not committed
    UNHEARD = "unheard"  # a group is committed, and nobody heard of it


@dataclass(frozen=True, slots=True)
class CrashPlan:
    """The coordinator is killed at the first such place from `at` on, and is back after `down_s` seconds."""

    at: float
    where: CrashAt
    down_s: float


@dataclass(frozen=True, slots=True)
class OutagePlan:
    """The store takes nothing from a time to another one; `is_unheard`: it does, but its answers are lost."""

    at: float
    until: float
    is_unheard: bool


@dataclass(frozen=True, slots=True)
class Schedule:
    name: str
    policy: str
    nodes: tuple[NodePlan, ...]
    runs: tuple[RunPlan, ...]
    faults: tuple[FaultPlan, ...]
    doom: Doom
    doom_at: float
    all_decline: tuple[float, float]  # from when to when every node declines
    drains: tuple[DrainPlan, ...]
    crashes: tuple[CrashPlan, ...]
    outages: tuple[OutagePlan, ...]
    followers: tuple[RunPlan, ...]

    @property
    def all_runs(self) -> tuple[RunPlan, ...]:
        """The runs, and those that are submitted once another one has completed."""
        return (*self.runs, *self.followers)


def make_schedule(seed: int, number: int) -> Schedule:
    """Return schedule `number` of the series `seed`."""
    rng = Random(f"{seed}/{number}")
    nodes = _nodes(rng)
    doom = rng.choices(list(Doom), [0.94, 0.03, 0.03])[0]
    runs = tuple(_run(rng, index, doom) for index in range(rng.choices([1, 2, 3], [0.8, 0.15, 0.05])[0]))
    runs = tuple(replace(run, spec=_particular(run.spec, len(nodes))) for run in runs)
    runs = _alike(Random(f"{seed}/{number}/alike"), runs)
    tasks = sum(len(run.rows) * (run.spec.rounds + 1) for run in runs)
    span_s = 0.5 + tasks / sum(node.slots / node.task_s for node in nodes)
    declines_at = rng.uniform(0.0, span_s) if rng.random() < 0.15 else GENEROUS_S
    return Schedule(
        name=f"{seed}/{number}",
        policy=rng.choice(list(POLICIES)),
        nodes=nodes,
        runs=runs,
        faults=_faults(rng, span_s, any(run.large for run in runs)),
        doom=doom,
        doom_at=rng.uniform(0.0, span_s),
        all_decline=(declines_at, declines_at + rng.uniform(0.5, 6.0)),
        drains=_drains(Random(f"{seed}/{number}/drains"), nodes, span_s),
        crashes=_crashes(Random(f"{seed}/{number}/crashes"), span_s),
        outages=_outages(Random(f"{seed}/{number}/outages"), span_s),
        followers=tuple(_followers(Random(f"{seed}/{number}/followers"), runs)),
    )


def _nodes(rng: Random) -> tuple[NodePlan, ...]:
    task_s = rng.choice([0.05, 0.2, 1.0])
    classes = ["skylake", "haswell"] if rng.random() < 0.2 else ["skylake"]
    return tuple(
        NodePlan(
            id=f"n{index:02}",
            slots=rng.choice([1, 1, 2, 3]),
            task_s=task_s * 10.0 ** rng.random(),
            numeric_class=classes[index % len(classes)],
            joins_at=rng.uniform(0.0, 2.0) if rng.random() < 0.5 else 0.0,
            sane_from=rng.uniform(0.0, 60.0) if rng.random() < 0.06 else 0.0,
            rack="ab"[index % 2],
        )
        for index in range(rng.choice([1, 2, 3, 4, 6, 8, 12, 16]))
    )


def _run(rng: Random, index: int, doom: Doom) -> RunPlan:
    n_shards, rounds = rng.randint(1, 24), rng.randint(1, 5)
    large = rng.random() < 1 / 3
    files = tuple(DataFile(f"train{shard}.txt", f"blob{index}-{shard}", 1) for shard in range(n_shards))
    spec = RunSpec(
        name=f"run {index}",
        shards=files,
        validation=DataFile("validate.txt", f"validation{index}", 1),
        rounds=rounds,
        epochs=1,
        hidden=(1 << 20 if large else 4,),
        weighting=rng.choice(["rows", "uniform"]),
        seed=rng.randint(0, 10**6),
        mixed_classes=rng.random() < 0.1,
        run_timeout_s=GENEROUS_S if doom is Doom.NONE else rng.uniform(10.0, 40.0),
        max_node_losses=rng.choice([3, 6, 100]),
        max_attempts=rng.choice([5, 20, 100]),
    )
    if rng.random() < 0.25:
        spec = replace(spec, patience=rng.randint(1, 2), target_error=rng.choice([0.0, 0.2, 0.5]))
    if rng.random() < 0.05:
        spec = replace(spec, max_time_s=rng.uniform(0.1, 5.0))
    of_its_own = Random(spec.seed)  # other schedules than before only where these settings are used
    spec = replace(
        spec,
        owner=of_its_own.choice("ab"),
        priority=of_its_own.choice([0, 0, 1]),
        max_nodes=of_its_own.choice([0, 0, 1, 3]),
        fraction=of_its_own.choice([1.0, 1.0, 0.5]),
        key=f"key {index}",
    )
    if of_its_own.random() < 0.15:
        most = (n_participants(n_shards, spec.fraction) - 1) // 2
        spec = replace(spec, aggregation=of_its_own.choice(["median", "trimmed"]), trim=of_its_own.randint(0, most))
    return RunPlan(
        id=f"r{index}",
        spec=spec,
        rows=tuple(rng.randint(1, 9) for _ in files),
        large=large,
        submit_at=rng.uniform(0.0, 3.0) if rng.random() < 0.3 else 0.0,
        cancel_at=rng.uniform(0.0, 15.0) if rng.random() < 0.25 else None,
    )


def _alike(rng: Random, runs: tuple[RunPlan, ...]) -> tuple[RunPlan, ...]:
    """The runs; some do what the first one does, for somebody else: what is known of that is not computed again."""

    def like_the_first(run: RunPlan) -> RunPlan:
        of_its_own = {name: getattr(run.spec, name) for name in ("key", "owner", "priority", "run_timeout_s", "name")}
        return replace(run, spec=replace(runs[0].spec, **of_its_own), rows=runs[0].rows, large=runs[0].large)

    return (runs[0], *(like_the_first(run) if rng.random() < 0.4 else run for run in runs[1:]))


def _followers(rng: Random, runs: tuple[RunPlan, ...]) -> Iterator[RunPlan]:
    """Runs that verify another one, or go on from its last stored round."""
    for run in runs:
        common = replace(run.spec, max_time_s=0.0)
        if rng.random() < 0.2 and not (common.mixed_classes or common.round_deadline_s):
            sampled = replace(common, verifies=run.id, sample=rng.choice([0.1, 1.0]), sample_seed=1, keep_checkpoints=1)
            spec = replace(sampled, priority=-MAX_PRIORITY, key=f"verify {run.id}", name=f"verify {run.id}")
            yield replace(run, id=f"v{run.id}", spec=spec, cancel_at=None)
        if rng.random() < 0.2:
            spec = replace(common, parent=run.id, rounds=common.rounds + 1, key=f"branch {run.id}")
            yield replace(run, id=f"b{run.id}", spec=spec, cancel_at=None)


def _particular(spec: RunSpec, n_nodes: int) -> RunSpec:
    """The run as one that wants certain nodes, or does not wait for all shards."""
    rng = Random(f"particular {spec.seed}")
    if n_nodes >= SPARE_NODES and rng.random() < 0.15:
        spec = replace(spec, min_nodes=2)
    if rng.random() < 0.15:
        spec = replace(spec, select={"rack": "a"})
    if spec.aggregation == "mean" and rng.random() < 0.15:
        deadline_s = rng.choice([ADAPTIVE, rng.uniform(0.2, 5.0)])
        spec = replace(spec, round_deadline_s=deadline_s, min_shards=rng.randint(1, len(spec.shards)))
    return replace(spec, server_optimizer=rng.choice(["fedavg", "fedavg", "fedavgm"]))


def _drains(rng: Random, nodes: tuple[NodePlan, ...], span_s: float) -> tuple[DrainPlan, ...]:
    if rng.random() < 0.7:
        return ()
    drained = rng.sample(nodes, rng.randint(1, len(nodes)))
    starts = [rng.uniform(0.0, span_s) for _ in drained]
    return tuple(DrainPlan(node.id, at, at + rng.uniform(0.1, 10.0)) for node, at in zip(drained, starts, strict=True))


def _crashes(rng: Random, span_s: float) -> tuple[CrashPlan, ...]:
    if rng.random() < 0.5:
        return ()
    starts = sorted(rng.uniform(0.0, 1.5 * span_s) for _ in range(rng.choice([1, 1, 2, 3, 6])))
    return tuple(CrashPlan(at, rng.choice(list(CrashAt)), rng.uniform(0.01, rng.choice([1.0, 15.0]))) for at in starts)


def _outages(rng: Random, span_s: float) -> tuple[OutagePlan, ...]:
    if rng.random() < 0.75:
        return ()
    starts = [rng.uniform(0.0, span_s) for _ in range(rng.choice([1, 1, 3]))]
    return tuple(OutagePlan(at, at + rng.uniform(0.1, 8.0), rng.random() < 0.3) for at in starts)


def _faults(rng: Random, span_s: float, has_large: bool) -> tuple[FaultPlan, ...]:
    pairs = [(kind, column) for kind, column in POSSIBLE if has_large or column not in ONLY_LARGE]
    # Few attempts are large or withdrawn, and those not for long: it takes more tries to strike them.
    pairs += 2 * [(kind, column) for kind, column in pairs if kind in NODE_FAULTS and column is Column.DROPPED]
    pairs += 2 * [(kind, column) for kind, column in pairs if kind not in NODE_FAULTS and column in ONLY_LARGE]
    planned: list[FaultPlan] = []
    for _ in range(rng.randint(5, 50)):
        kind, column = rng.choice(pairs)
        planned.append(FaultPlan(rng.uniform(0.0, span_s), kind, column if rng.random() < 0.6 else None))
    return tuple(sorted(planned, key=lambda fault: fault.at))
