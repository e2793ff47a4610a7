"""What clients are shown of nodes: rows made from members and the pool, changing nothing."""

from __future__ import annotations

from collections.abc import Iterable

from coordinator.core.model import Node, NodeState
from coordinator.core.pool import NodePool
from coordinator.membership import DRAINED, REMOVED, Member
from coordinator.store.changes import NodeRemoved, NodeSeen
from coordinator.views import Clock
from rpc.messages import NodeRow


def node_rows(members: Iterable[Member], pool: NodePool, clock: Clock) -> tuple[NodeRow, ...]:
    """One row per member."""
    return tuple(node_row(member, pool, clock) for member in members)


def node_row(member: Member, pool: NodePool, clock: Clock) -> NodeRow:
    link, node = member.link, pool.current(member.link.id)
    state = state_of(member, node)
    until, reason = pool.quarantine(link.id)
    counts = pool.counts(link.id)
    if node is None:
        return NodeRow(
            link.id, "", state, done=counts.done, rejected=counts.rejected, failed=counts.failed,
            reason=link.reason, source=member.source, address=member.address, until_ms=clock.ms(until or None),
        )  # fmt: skip
    return NodeRow(
        id=node.id,
        name=node.info.name,
        state=state,
        slots=node.info.slots,
        running=len(node.running),
        done=counts.done,
        rejected=counts.rejected,
        failed=counts.failed,
        speed=1.0 / node.service_s if node.service_s else 0.0,
        device=node.info.device,
        reason=link.reason or node.reason or reason or member.reason,
        cpu=node.use.cpu,
        memory_used_bytes=node.use.memory_used_bytes,
        memory_total_bytes=node.use.memory_total_bytes,
        disk_free_bytes=node.use.disk_free_bytes,
        disk_total_bytes=node.use.disk_total_bytes,
        gpus=node.use.gpus,
        cache_bytes=node.use.cache_bytes,
        identity=node.info.identity,
        source=member.source,
        address=member.address,
        labels=node.labels,
        numeric_classes=node.classes,
        heard_ms=clock.ms(node.beat_at),
        until_ms=clock.ms(until or None),
        version=node.info.version,
    )


def node_change(member: Member, pool: NodePool, clock: Clock) -> NodeSeen | NodeRemoved:
    """What is to be remembered of a node: what people decided goes before the state that it happens to be in."""
    if member.is_unlisted:
        return NodeRemoved(member.link.id)
    row = node_row(member, pool, clock)
    return NodeSeen(
        id=row.id,
        name=row.name,
        address=row.address,
        source=row.source,
        state=DRAINED if member.is_drained and not member.is_removed else row.state,
        seen_ms=row.heard_ms,
        reason=pool.quarantine(row.id).reason or member.reason or row.reason,
        until_ms=row.until_ms,
        labels=row.labels,
        done=row.done,
        rejected=row.rejected,
        failed=row.failed,
    )


def state_of(member: Member, node: Node | None) -> str:
    """What the node is called in one word; what people decided goes before what is the matter with it."""
    if member.is_removed:
        return REMOVED
    if node is None:
        return DRAINED if member.is_drained else "connecting"
    if node.state is NodeState.LOST or (node.state is NodeState.QUARANTINED and not member.is_drained):
        return node.state.value
    if member.is_drained:
        return "draining" if node.running else DRAINED
    return "leaving" if node.is_leaving else node.state.value
