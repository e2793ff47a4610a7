"""Why work waits: what is missing, what is before it, what each node does instead, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from coordinator.core.model import WorkState
from coordinator.core.suitability import Lack
from coordinator.why.now import NodeNow, WorkNow
from coordinator.why.words import counted, listed
from rpc.messages import Reason

_MOST_NODES = 10

ADVICE: Mapping[Lack, str] = {
    Lack.NODES: "start a node with `python compute_node.py --join HOST:PORT`, or add one with `client.py nodes add`",
    Lack.LABELS: "start a node with --label for it, or submit without --select",
    Lack.SELF_TEST: "wait: each node does so at its start; it offers as many threads as it has cores (--task-threads)",
    Lack.CLASS: "start a node of that class, or submit with --mixed-classes",
    Lack.SCRIPTS: "start a node that offers that (`nodes show` lists what each does), or submit without it",
    Lack.MIN_NODES: "start more nodes, or submit with a smaller --min-nodes",
    Lack.ANSWER: "wait; with --accept ask the node's operator is asked on its terminal",
    Lack.ACCEPTANCE: "wait, or start one that accepts (--accept, LOAD_PROBABILITY); `client.py why task` tells each no",
    Lack.END: "wait; `client.py why job` tells what keeps those; `client.py jobs cancel` gives this one up",
    Lack.OWNER: "wait; whoever runs the coordinator may start it with a larger --max-running-per-owner",
    Lack.TURN: "start more nodes, or submit with a larger --priority",
}
_STORE_ADVICE = "make room, or bring the database back; work goes on by itself"


def waiting(now: WorkNow, store_fault: str) -> Iterator[Reason]:
    """What keeps the work from going on, the weightiest first; nothing where it goes on."""
    if store_fault:
        yield Reason("waiting", f"nothing new begins while the store fails: {store_fault}", advice=_STORE_ADVICE)
    if now.lack is not None:
        since_ms = now.row.submitted_ms if now.row.state == WorkState.PENDING.value else 0
        yield Reason("waiting", f"it waits for {now.row.waiting_for}", since_ms, ADVICE[now.lack])
    if now.n_ahead and now.lack in (None, Lack.TURN):
        names = listed([*now.ahead, *[""] * (now.n_ahead - len(now.ahead))])
        yield Reason("queue", f"before it by priority, share or submission: {names}")
    if now.is_at_its_limit:
        yield Reason("queue", "it uses as many nodes as it may", advice="submit with a larger --max-nodes")
    for node in now.nodes[:_MOST_NODES]:
        yield _about(node)
    if len(now.nodes) > _MOST_NODES:
        yield Reason("node", f"and {counted(len(now.nodes) - _MOST_NODES, 'more node')}")


def _about(node: NodeNow) -> Reason:
    """Why this node does not take the work now."""
    row = node.row
    match row.state:
        case "ready" if node.unsuited:
            return Reason("node", f"{row.id} is ready, but {node.unsuited}")
        case "ready" if row.running >= row.slots:
            runs = sorted({task.partition("/")[0] for task in node.tasks})
            return Reason("node", f"{row.id} is busy: {counted(row.running, 'task')} of {listed(runs)}")
        case "ready":
            return Reason("node", f"{row.id} is ready")
        case "quarantined":
            advice = f"`client.py nodes readmit {row.id}` ends it"
            return Reason("node", f"{row.id} is in quarantine: {row.reason}", advice=advice)
        case "drained" | "draining":
            return Reason("node", f"{row.id} is {row.state}", advice=f"`client.py nodes resume {row.id}` uses it again")
        case _:
            return Reason("node", f"{row.id} is {row.state}" + (f": {row.reason}" if row.reason else ""))
