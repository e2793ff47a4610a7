"""What the coordinator says of its store and its nodes, as findings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from client.sizes import size
from rpc.findings import Finding, Level
from rpc.messages import SCRIPTS, NodeRow, Overview

_AT_WORK = ("ready", "draining", "drained")
_LITTLE_DISK_BYTES = 2e9
_MOST_NAMES = 5


def look_at_cluster(overview: Overview) -> Iterator[Finding]:
    """Findings about the store, the nodes, what jobs can have there."""
    yield _store(overview)
    here = [node for node in overview.nodes if node.state in _AT_WORK]
    yield _nodes(overview.nodes)
    if not here:
        return
    for node in overview.nodes:
        if node.state not in _AT_WORK and node.state != "removed":
            text = f"{node.name or node.id} is {node.state}: {node.reason or 'no reason is known'}"
            yield Finding("node", Level.NOTE, text, f"client.py why node {node.id}")
    yield _versions(overview.version, here)
    yield _sandboxes(here)
    yield _disks(here)
    yield _gpus(here)


def _store(overview: Overview) -> Finding:
    if overview.store_fault:
        fix = "nothing is begun until it is back; look at the database and the coordinator's disk"
        return Finding("store", Level.BAD, overview.store_fault, fix)
    return Finding("store", Level.OK, overview.store or "none: what is submitted is forgotten at a restart")


def _nodes(nodes: Sequence[NodeRow]) -> Finding:
    states = Counter(node.state for node in nodes if node.state != "removed")
    if not states:
        fix = "python compute_node.py 9091, and client.py nodes add HOST:9091; or paste what `join-command` prints"
        return Finding("nodes", Level.BAD, "there is none: nothing can be computed", fix)
    text = ", ".join(f"{count} {state}" for state, count in states.items())
    if not any(states[state] for state in _AT_WORK):
        fix = "client.py status tells each one's reason"
        return Finding("nodes", Level.BAD, f"{text}: nothing can be computed", fix)
    return Finding("nodes", Level.OK, text)


def _versions(coordinator: str, nodes: Sequence[NodeRow]) -> Finding:
    others = [node for node in nodes if node.version != coordinator]
    if others:
        text = f"another version than the coordinator's {coordinator}: {_named(others)}"
        return Finding("node versions", Level.NOTE, text, "install the same version everywhere")
    return Finding("node versions", Level.OK, f"{coordinator}, as the coordinator's")


def _sandboxes(nodes: Sequence[NodeRow]) -> Finding:
    levels = Counter(level for node in nodes for level in node.labels.get(SCRIPTS, "").split(",") if level)
    if not levels:
        text = "no node takes any: training alone is done"
        return Finding("script jobs", Level.NOTE, text, "on each node's machine: python compute_node.py --check")
    text = ", ".join(f"{level} on {count} of {len(nodes)}" for level, count in levels.items())
    return Finding("script jobs", Level.OK, text)


def _disks(nodes: Sequence[NodeRow]) -> Finding:
    told = [node for node in nodes if node.disk_total_bytes]
    full = [node for node in told if node.disk_free_bytes < _LITTLE_DISK_BYTES]
    if full:
        fix = "remove something there, or start them with a smaller --cache-gb"
        return Finding("node disks", Level.NOTE, f"nearly full: {_named(full)}", fix)
    least = min((node.disk_free_bytes for node in told), default=0)
    return Finding("node disks", Level.OK, f"{size(least)} free or more" if told else "not told yet")


def _gpus(nodes: Sequence[NodeRow]) -> Finding:
    gpus = Counter(gpu.name for node in nodes for gpu in node.gpus)
    text = ", ".join(f"{count} x {name}" for name, count in gpus.items())
    return Finding("node GPUs", Level.OK, text or "none")


def _named(nodes: Sequence[NodeRow]) -> str:
    more = len(nodes) - _MOST_NAMES
    return ", ".join(node.name or node.id for node in nodes[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")
