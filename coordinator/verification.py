"""Runs that verify another run: what they repeat and compare with, read from the store on a thread."""

from __future__ import annotations

from dataclasses import replace

from coordinator.branching import stored_spec
from coordinator.core.saved import SavedRun
from coordinator.core.updates import updates_from_json
from coordinator.core.verifying import Recorded, sample
from coordinator.store.reading import Reader
from rpc.errors import BadRequest, NotFound
from rpc.messages import RunSpec
from rpc.run_spec import MAX_PRIORITY


def verification(run: str, share: float, seed: int, reader: Reader, *, key: str = "") -> tuple[RunSpec, SavedRun]:
    """Return the specification of a run that verifies another one, and where it begins: at the start.

    Raises:
        NotFound: there is no such run.
        BadRequest: it cannot be repeated, no digests of it are stored, or the share is none.
    """
    if not 0 < share <= 1:
        raise BadRequest(f"sample must be above 0 and at most 1, not {share}")
    work = reader.work(run)
    if work is None:
        raise NotFound(f"no run is called {run!r}; `client.py runs list` lists them")
    old = stored_spec(work, reader)
    if old.verifies:
        raise BadRequest(f"{run} cannot be verified: it is itself a verification, of {old.verifies}; verify that one")
    if old.mixed_classes or old.round_deadline_s:
        raise BadRequest(f"{run} cannot be verified: its updates depend on the clock, or on which node did what")
    if old.parent:
        raise BadRequest(f"{run} cannot be verified by itself: it goes on from {old.parent}; verify that one")
    spec = replace(
        old,
        name=f"verify {run}",
        verifies=run,
        sample=share,
        sample_seed=seed,
        priority=-MAX_PRIORITY,
        key=key,
        max_time_s=0.0,
        keep_checkpoints=1,
    )
    return spec, SavedRun(recorded=recorded_of(spec, reader))


def recorded_of(spec: RunSpec, reader: Reader) -> Recorded:
    """What a run that verifies compares with.

    Raises:
        BadRequest: digests of that run are not stored, or are of several numeric classes.
    """
    written = {each.row.round: each.detail.get("updates") for each in reader.rounds(spec.verifies)}
    updates = {
        (number, shard): update
        for number, found in written.items()
        if found is not None
        for shard, update in updates_from_json(found).items()
    }
    if not updates:
        raise BadRequest(f"no round of {spec.verifies} is stored with its digests; wait for its first one")
    known = {number for number, _ in updates}
    if lacking := set(range(1, max(known) + 1)) - known:
        raise BadRequest(f"{spec.verifies} cannot be verified: round {min(lacking)} is stored without its digests")
    classes = sorted({update.numeric_class for update in updates.values()})
    if len(classes) > 1:
        raise BadRequest(
            f"{spec.verifies} cannot be verified: its updates are of the numeric classes {', '.join(classes)}"
        )
    chosen = sample(updates, spec.sample, spec.sample_seed)
    return Recorded(spec.verifies, classes[0], updates, chosen)
