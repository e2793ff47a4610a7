"""Which nodes suit a piece of work whatever they are doing now, and what work waits for that has none."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from coordinator.core.model import Node, NodeState, Task, TaskState, Work, WorkState
from coordinator.core.policies import Test
from coordinator.core.pool import NodePool
from coordinator.core.workload import ScriptNeeds
from rpc.messages import JOB_CPUS, JOB_MEMORY, JOB_NETWORK, SANDBOXES, SCRIPTS, selected_by, selects

_MOST_NAMED = 5
_DECIMAL = re.compile(r"[0-9]{1,18}(\.[0-9]{1,9})?", re.ASCII)


def suits(work: Work, task: Task | None, pool: NodePool) -> Test:
    """Whether a node may run the task, or without one begin the work."""
    select = work.claim.select
    key = work.claim.class_key if task is None else task.spec.class_key
    wanted = None if task is None else work.numeric_class
    script = work.claim.script
    if not key and not select and script is None:
        return lambda node_id: True

    def suitable(node_id: str) -> bool:
        node = pool.current(node_id)
        if node is None or (select and not _has_labels(node, work)):
            return False
        if script is not None:
            return serves(node.labels, node.info.memory_bytes, script)
        if not key or (task is None and not node.classes):  # its self-test is on its way: work may begin meanwhile
            return True
        found = node.classes.get(key)
        return found is not None and (wanted is None or found == wanted)

    return suitable


def serves(labels: Mapping[str, str], memory_bytes: int, needs: ScriptNeeds) -> bool:
    """Whether a node with these labels and so much memory takes such a script job."""
    levels = [level for level in labels.get(SCRIPTS, "").split(",") if level in SANDBOXES]
    return (
        bool(levels)
        and (not needs.sandbox or needs.sandbox in levels)
        and needs.gpus <= gpus_of(labels)
        and needs.memory_bytes <= min(memory_bytes, _number(labels.get(JOB_MEMORY), math.inf))
        and needs.cpus <= _number(labels.get(JOB_CPUS), math.inf)
        and (not needs.network or labels.get(JOB_NETWORK) == "full")
    )


def shortfall(labels: Mapping[str, str], memory_bytes: int, needs: ScriptNeeds) -> str:
    """What a node with these labels and so much memory lacks for such a script job: the first that it does."""
    each = (ScriptNeeds(**{name: value}) for name, value in needs._asdict().items() if value)
    lacked = next((need for need in (ScriptNeeds(), *each) if not serves(labels, memory_bytes, need)), needs)
    return in_words(lacked)


def is_at_its_limit(work: Work) -> bool:
    """Whether the work may use no more nodes than it does."""
    return 0 < work.claim.max_nodes <= len(work.nodes)


def within_its_limit(work: Work, suitable: Test) -> Test:
    """The same for a work that may use no more nodes than it does: of those alone."""
    if not is_at_its_limit(work):
        return suitable
    return lambda node_id: node_id in work.nodes and suitable(node_id)


def gpus_of(labels: Mapping[str, str]) -> float:
    """How many GPUs a node with these labels has for script jobs."""
    return _number(labels.get("gpus"), 0.0)


def _number(label: str | None, otherwise: float) -> float:
    """The number in a label, 0 if it is none; `otherwise` without one."""
    if label is None:
        return otherwise
    return float(label) if _DECIMAL.fullmatch(label) else 0.0


def largest_class(work: Work, pool: NodePool, key: str) -> str | None:
    """The numeric class with most slots among the live nodes that the work may use; the smaller name on a tie.

    Classes with as many nodes as the work wants go before all others.
    """
    slots: Counter[str] = Counter()
    nodes: Counter[str] = Counter()
    for node in _selected(work, pool):
        if key in node.classes:
            slots[node.classes[key]] += node.info.slots
            nodes[node.classes[key]] += 1
    return min(slots, key=lambda name: (nodes[name] < work.claim.min_nodes, -slots[name], name), default=None)


def n_suitable(work: Work, pool: NodePool) -> int:
    """How many nodes there are that could work on it together."""
    key = work.claim.class_key
    if not key or work.workload.mixed_classes:
        suitable = suits(work, None, pool)
        return sum(suitable(node.id) for node in pool.live())
    classes = Counter(node.classes[key] for node in _selected(work, pool) if key in node.classes)
    return max(classes.values(), default=0)


class Lack(StrEnum):
    """Why work does not go on."""

    NODES = "nodes"
    LABELS = "labels"
    SELF_TEST = "self-test"
    SCRIPTS = "scripts"
    CLASS = "class"
    MIN_NODES = "min nodes"
    ANSWER = "answer"
    ACCEPTANCE = "acceptance"
    OWNER = "owner"
    TURN = "turn"
    END = "end"


class Lacking(NamedTuple):
    """What work cannot go on without; `text` is in words that follow `waiting for`."""

    what: Lack
    text: str


def lacking(work: Work, pool: NodePool) -> Lacking | None:
    """What the work cannot go on without; None when something runs or a slot will do."""
    if work.claim.array in work.awaits:
        return Lacking(Lack.TURN, f"its turn in the array {work.claim.array}")
    if work.awaits:
        return Lacking(Lack.END, " and ".join(_ends_of(work.awaits)))
    waiting = [task for task in work.tasks.values() if task.state in (TaskState.READY, TaskState.DELAYED)]
    live = list(pool.live())
    if waiting and live and all(task.sweeps for task in work.tasks.values()):
        return Lacking(Lack.ACCEPTANCE, f"a compute node that accepts: all {len(live)} decline")
    if work.is_begun and (not waiting or len(waiting) < len(work.tasks)):
        return _answer(work)
    found = _nodes(live, pool) or _labels(work, live, pool) or _scripts(work, live, pool)
    return found or _classes(work, waiting, live, pool) or _turn(work, pool)


def _answer(work: Work) -> Lacking | None:
    """Whose word is missing where the work is on a node."""
    if work.state is not WorkState.PENDING or not work.nodes:
        return None
    return Lacking(Lack.ANSWER, f"{' and '.join(work.nodes)} to take it")


def _ends_of(awaited: Mapping[str, bool]) -> Iterator[str]:
    """In words; of very many the first, and how many there are besides."""
    for work_id, any_end in islice(awaited.items(), _MOST_NAMED):
        yield f"{work_id} to {'end' if any_end else 'complete'}"
    if len(awaited) > _MOST_NAMED:
        yield f"{len(awaited) - _MOST_NAMED} more"


def waiting_for(work: Work, pool: NodePool, store_fault: str = "") -> str:
    """The same in words; empty for None. While the store is down, it is that."""
    if work.is_remembered or (work.state.is_final and not store_fault):
        return ""
    if store_fault:
        return f"the store: {store_fault}"
    found = lacking(work, pool)
    return found.text if found is not None else ""


def _nodes(live: list[Node], pool: NodePool) -> Lacking | None:
    if live:
        return None
    quarantined = [node.id for node in pool if node.state is NodeState.QUARANTINED]
    if quarantined:
        text = f"a healthy compute node: {', '.join(quarantined)} in quarantine after repeated failures"
    elif any(node.is_drained or node.is_leaving for node in pool if node.state is NodeState.READY):
        text = "a compute node: those that are connected are drained or leaving"
    else:
        text = "a compute node: none is connected"
    return Lacking(Lack.NODES, text)


def _labels(work: Work, live: list[Node], pool: NodePool) -> Lacking | None:
    if any(True for _ in _selected(work, pool)):
        return None
    return Lacking(
        Lack.LABELS, f"a compute node with {selected_by(work.claim.select)} (--select): none of {len(live)} has that"
    )


def _scripts(work: Work, live: list[Node], pool: NodePool) -> Lacking | None:
    needs = work.claim.script
    if needs is None or any(map(suits(work, None, pool), (node.id for node in live))):
        return None
    return Lacking(Lack.SCRIPTS, f"a compute node that {in_words(needs)}: none of {len(live)} does")


def in_words(needs: ScriptNeeds) -> str:
    """What a node must do for such a job."""
    option = "--sandbox or --image" if needs.sandbox == "docker" else "--sandbox"
    wanted = ["takes script jobs", *([f"in {needs.sandbox} ({option})"] if needs.sandbox else [])]
    has = [f"{needs.gpus} GPU{'s' * (needs.gpus > 1)} (--gpus)"] if needs.gpus else []
    has += [f"{round(needs.memory_bytes / 1e9, 2):,.9g} GB (--memory)"] if needs.memory_bytes else []
    has += [f"{needs.cpus:g} cores (--cpus)"] if needs.cpus else []
    wanted += ["with a network (--network)"] if needs.network else []
    return " ".join(wanted) + (f" and has {' and '.join(has)}" if has else "")


def _classes(work: Work, waiting: list[Task], live: list[Node], pool: NodePool) -> Lacking | None:
    task = waiting[0] if waiting else None
    key = task.spec.class_key if task is not None else work.claim.class_key
    if not key or any(suits(work, task, pool)(node.id) for node in live):
        return None
    if work.numeric_class is None:
        dtype, _, threads = key.partition("/")
        return Lacking(Lack.SELF_TEST, f"a compute node that has tested itself for {dtype} on {threads} threads")
    text = f"a compute node of numeric class {work.numeric_class} ({key}); --mixed-classes allows others"
    return Lacking(Lack.CLASS, text)


def _turn(work: Work, pool: NodePool) -> Lacking | None:
    if work.state is not WorkState.PENDING:
        return None
    wanted = work.claim.min_nodes
    if wanted > 1 and (found := n_suitable(work, pool)) < wanted:
        text = f"{wanted} compute nodes that suit it (--min-nodes): {found} of them are here"
        return Lacking(Lack.MIN_NODES, text)
    if not work.owner.has_room_for(work.id):
        text = f"another work of its owner to end: {len(work.owner.holds)} of them run (--max-running-per-owner)"
        return Lacking(Lack.OWNER, text)
    return Lacking(Lack.TURN, "its turn in the queue")


def _selected(work: Work, pool: NodePool) -> Iterator[Node]:
    return (node for node in pool.live() if _has_labels(node, work))


def _has_labels(node: Node, work: Work) -> bool:
    return selects(work.claim.select, node.labels)
