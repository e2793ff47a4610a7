"""What a run does when the round that it goes on from cannot be read: it goes back to an older one, or to its start."""

from __future__ import annotations

from dataclasses import replace

from coordinator.core.jobs import Unable
from coordinator.core.saved import SavedRun, StoredRound
from coordinator.core.workload import End, Remark
from rpc.errors import FailureKind
from rpc.messages import RunSpec

_DAMAGE = (FailureKind.MISSING_BLOB, FailureKind.SETUP_FAILED)  # a file that is not what it was, or that no disk gives
_START = StoredRound(0)


def go_back(spec: RunSpec, saved: SavedRun, found: Unable) -> tuple[SavedRun, Remark] | End:
    """Return where the run goes on instead and what there is to tell; its end where nothing is left to go on from."""
    *older, newest = saved.older or (_START,)
    lost, kept = len(saved.rounds), newest.round
    if found.kind not in _DAMAGE or kept < spec.parent_round:
        of = f" of {spec.parent}, where the branch begins," if lost == spec.parent_round else ""
        return End(found.kind, f"the model of round {lost}{of} cannot be read: {found.message}")
    place = f"round {kept}" if kept else "the start"
    again = f"round {lost} is" if lost == kept + 1 else f"rounds {kept + 1} to {lost} are"
    # What depends on the clock, or on which node did what, cannot be promised to come out as before.
    doubt = ", and may come out otherwise" if spec.mixed_classes or spec.round_deadline_s else ""
    text = f"the model of round {lost} cannot be read ({found.message}); back to {place}, {again} trained again{doubt}"
    back = replace(
        saved, rounds=saved.rounds[:kept], model=newest.model, optimizer=newest.optimizer, older=tuple(older)
    )
    return back, Remark("damaged", text, kept)
