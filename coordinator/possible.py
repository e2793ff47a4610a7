"""What no node that is known could ever do is refused when it is submitted, not queued for ever."""

from __future__ import annotations

from collections.abc import Iterable

from coordinator.core.pool import NodePool
from coordinator.core.suitability import in_words, serves
from coordinator.core.verifying import Recorded
from coordinator.core.workload import Claim
from coordinator.membership import Member
from rpc.errors import Refused
from rpc.messages import SCRIPTS, TRYING, selected_by, selects


def check_possible(claim: Claim, members: Iterable[Member], pool: NodePool) -> None:
    """Return if a node could do such work, also one that is away, drained or in quarantine; or if there is none yet.

    A node of which nobody knows what it is, as it has never been connected, could do anything.

    Raises:
        Refused: none could; says what they lack, and how to have the work queued all the same.
    """
    known = list(members)
    if not known or any(_could_do(claim, member, pool) for member in known):
        return
    none = "the one node that is known" if len(known) == 1 else f"none of the {len(known)} nodes that are known"
    verb = "lacks what this needs" if len(known) == 1 else "has what this needs"
    labels = [selected_by(claim.select)] if claim.select else []
    if claim.class_key:
        labels.append(f"{claim.class_key} (dtype/threads)")
    if claim.script is not None:
        labels.append(f"a node that {in_words(claim.script)}")
    wanted = ", ".join(labels)
    raise Refused(
        f"{none} {verb}: {wanted}; `client.py nodes list` shows them, --force-queue waits for a node that has it"
    )


def check_verifiable(recorded: Recorded, pool: NodePool) -> None:
    """Raise Refused unless a node is connected that computes the bits to compare with."""
    wanted = recorded.numeric_class
    if not any(wanted in node.classes.values() for node in pool.live()):
        raise Refused(f"{recorded.run} ran in numeric class {wanted}, and no node of that class is connected")


def _could_do(claim: Claim, member: Member, pool: NodePool) -> bool:
    node = pool.current(member.link.id)
    if node is not None and claim.script is not None:
        tries = node.labels.get(SCRIPTS) == TRYING
        return tries or (
            serves(node.labels, node.info.memory_bytes, claim.script) and selects(claim.select, node.labels)
        )
    if node is None:
        return not member.labels or selects(claim.select, member.labels)
    if not node.classes:
        return True  # its self-test is on its way, and more labels with it
    return (not claim.class_key or claim.class_key in node.classes) and selects(claim.select, node.labels)
