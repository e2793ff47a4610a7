"""The end of a job that was stopped though nobody had cancelled it: it goes on elsewhere."""

from __future__ import annotations

from dataclasses import replace

from rpc.errors import FailureKind
from rpc.messages import ScriptEnd


def for_the_sake_of_others(end: ScriptEnd, *, is_leaving: bool, is_preempted: bool) -> ScriptEnd:
    """The end of a job that was stopped and goes on elsewhere, if it was: with nothing that this try has left."""
    if is_leaving:
        return replace(end, failure=int(FailureKind.NODE_LOST), reason="its node was told to end", artifacts=())
    if is_preempted:
        return replace(end, failure=int(FailureKind.PREEMPTED), reason="others needed its place", artifacts=())
    return end
