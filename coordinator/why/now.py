"""What is so at this moment of work, tasks and nodes, taken from the dispatcher without changing it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

from coordinator.core.dispatcher import Dispatcher
from coordinator.core.model import Node, Task, TaskState, Work, WorkState
from coordinator.core.pool import NodePool
from coordinator.core.scores import Scores
from coordinator.core.suitability import Lack, lacking, shortfall, suits
from coordinator.core.workload import ARRAY
from coordinator.membership import Member
from coordinator.node_views import node_row
from coordinator.views import Clock, shown_row
from rpc.messages import NodeRow, WorkRow
from rpc.selectors import missing

_MOST_AHEAD = 5
_MOST_ASKED = 20


@dataclass(frozen=True, slots=True)
class TaskNow:
    """An open task. Times in ms since 1970.

    Attributes:
        since_ms: since when it is ready, or where it is.
        declined_by: nodes that rejected it, since all did.
        scores: what the policy saw when it was placed; None: as for its round.
        lives_on: the node that it may live on, though nobody hears of it; empty: there is none.
        free_s: in how many seconds it cannot any more; 0: the node is here.
        again_s: in how many seconds those are asked again that have declined, which are all; 0: not all have.
    """

    id: str
    round: int
    shard: int
    state: TaskState
    node: str
    since_ms: int
    tries: int
    declined_by: tuple[str, ...]
    scores: Scores | None
    lives_on: str = ""
    free_s: float = 0.0
    again_s: float = 0.0


@dataclass(frozen=True, slots=True)
class NodeNow:
    """A node, the tasks that occupy it, and why it does not suit the work that is asked about ("": it does)."""

    row: NodeRow
    tasks: tuple[str, ...]
    unsuited: str = ""


@dataclass(frozen=True, slots=True)
class WorkNow:
    """Work that the dispatcher knows.

    Attributes:
        lack: what it cannot go on without.
        ahead: ids of the first works that are served before it; `n_ahead` is the number of all of them.
        is_at_its_limit: it may use no more nodes than it does (--max-nodes).
    """

    row: WorkRow
    lack: Lack | None
    ahead: tuple[str, ...]
    n_ahead: int
    is_at_its_limit: bool
    tasks: tuple[TaskNow, ...]
    nodes: tuple[NodeNow, ...]


def work_now(work: Work, dispatcher: Dispatcher, members: Iterable[Member], clock: Clock) -> WorkNow:
    """Return what is so of a piece of work."""
    found = None if work.state.is_final else lacking(work, dispatcher.pool)
    ahead = [] if work.state.is_final or work.awaits else _ahead(work, dispatcher)
    waits = not work.awaits and (work.state is WorkState.PENDING or found is not None)
    return WorkNow(
        row=shown_row(dispatcher, work, clock),
        lack=found.what if found is not None else None,
        ahead=tuple(each.id for each in ahead[:_MOST_AHEAD]),
        n_ahead=len(ahead),
        is_at_its_limit=0 < work.claim.max_nodes <= len(work.nodes),
        tasks=tuple(task_now(task, work, clock) for task in work.tasks.values()),
        nodes=tuple(node_now(member, work, dispatcher, clock) for member in members) if waits else (),
    )


def task_now(task: Task, work: Work, clock: Clock) -> TaskNow:
    is_waiting = task.state in (TaskState.READY, TaskState.DELAYED)
    return TaskNow(
        id=task.spec.id,
        round=task.spec.order[0],
        shard=task.spec.order[1],
        state=task.state,
        node=task.attempt.node_id if task.attempt is not None else "",
        since_ms=clock.ms(task.ready_at if is_waiting else task.placed_at),
        tries=task.tries,
        declined_by=tuple(sorted(task.refused_by)),
        scores=task.scores or work.scores.get(task.spec.order[0]),
        lives_on=task.bound if is_waiting else "",
        free_s=max(0.1, task.bound_until - clock.read()) if is_waiting and task.bound_until < inf else 0.0,
        again_s=max(0.1, task.until - clock.read()) if task.is_swept else 0.0,
    )


def node_now(member: Member, work: Work | None, dispatcher: Dispatcher, clock: Clock) -> NodeNow:
    """Return what is so of a node; without work, for whatever may come."""
    node = dispatcher.pool.current(member.link.id)
    tasks = tuple(attempt.task_id for attempt in node.running.values()) if node is not None else ()
    unsuited = _unsuited(node, work, dispatcher) if node is not None and work is not None else ""
    return NodeNow(node_row(member, dispatcher.pool, clock), tasks, unsuited)


def _unsuited(node: Node, work: Work, dispatcher: Dispatcher) -> str:
    if lacked := missing(work.claim.select, node.labels):
        return f"it has not {', '.join(lacked)} (--select)"
    if not suits(work, next(iter(work.tasks.values()), None), dispatcher.pool)(node.id):
        if (script := work.claim.script) is not None:
            return f"it is none that {shortfall(node.labels, node.info.memory_bytes, script)}"
        return "it is of another numeric class"
    return ""


def _ahead(work: Work, dispatcher: Dispatcher) -> list[Work]:
    """The works that want a node now and are served before this one; the first of them come first."""
    place = _place(work)
    waiting = (each for each in dispatcher.work.values() if each.ready or each.awaits_turn)
    queued = (each for each in waiting if not each.awaits and each.workload.kind != ARRAY)
    before = sorted((each for each in queued if _place(each) < place), key=_place)
    # Those that lack something else take nothing away; of very many not all are asked.
    asked = (each for each in before[:_MOST_ASKED] if _wants_its_turn(each, dispatcher.pool))
    return [*asked, *before[_MOST_ASKED:]]


def _wants_its_turn(work: Work, pool: NodePool) -> bool:
    found = lacking(work, pool)
    return found is None or found.what is Lack.TURN


def _place(work: Work) -> tuple[int, float, str, int]:
    """As the queue orders works."""
    return -work.claim.priority, work.owner.service, work.owner.name, work.number
