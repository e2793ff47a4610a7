"""Runs that verify another run: what they repeat and compare with, read from the store on a thread."""

from __future__ import annotations

from dataclasses import replace

from coordinator.branching import stored_spec
from coordinator.checkpoints import model_role, optimizer_role
from coordinator.core.saved import SavedRun
from coordinator.core.updates import updates_from_json
from coordinator.core.verifying import Recorded, sample
from coordinator.store.reading import Reader
from rpc.errors import BadRequest, NotFound
from rpc.messages import RunSpec
from rpc.run_spec import MAX_PRIORITY


def verification(run: str, share: float, seed: int, reader: Reader, *, key: str = "") -> tuple[RunSpec, SavedRun]:
    """Return the specification of a run that verifies another one, and where it begins: where that one did.

    Raises:
        NotFound: there is no such run.
        BadRequest: it cannot be repeated, no digests of it are stored, or the share is none.

    The rounds that a branch has from its parent are not its own: they are not looked at.
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
    parent, start = _beginning(run, old, reader) if old.parent else ("", SavedRun())
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
        parent=parent,
    )
    return spec, replace(start, recorded=recorded_of(spec, reader))


def _beginning(run: str, spec: RunSpec, reader: Reader) -> tuple[str, SavedRun]:
    """Which run has the round stored that a branch goes on from, itself or its parent, and what begins there."""
    number = spec.parent_round
    for holder in (run, spec.parent):
        files, work = reader.blobs(holder), reader.work(holder)
        if work is not None and model_role(number) in files:
            goes_on = stored_spec(work, reader).server_optimizer == spec.server_optimizer
            return holder, SavedRun(
                tuple(each.summary for each in reader.surveys(run)),
                tuple(each.row for each in reader.rounds(run, up_to=number)),
                files[model_role(number)],
                files.get(optimizer_role(number), "") if goes_on else "",
            )
    raise BadRequest(
        f"{run} cannot be verified: round {number} of {spec.parent}, where it begins, is not stored any more"
    )


def recorded_of(spec: RunSpec, reader: Reader) -> Recorded:
    """What a run that verifies compares with.

    Raises:
        BadRequest: digests of that run are not stored, or are of several numeric classes.
    """
    first = spec.parent_round + 1
    written = {each.row.round: each.detail.get("updates") for each in reader.rounds(spec.verifies, after=first - 1)}
    updates = {
        (number, shard): update
        for number, found in written.items()
        if found is not None
        for shard, update in updates_from_json(found).items()
    }
    if not updates:
        raise BadRequest(f"no round of {spec.verifies} is stored with its digests; wait for its first one")
    known = {number for number, _ in updates}
    if lacking := set(range(first, max(known) + 1)) - known:
        raise BadRequest(f"{spec.verifies} cannot be verified: round {min(lacking)} is stored without its digests")
    classes = sorted({update.numeric_class for update in updates.values()})
    if len(classes) > 1:
        raise BadRequest(
            f"{spec.verifies} cannot be verified: its updates are of the numeric classes {', '.join(classes)}"
        )
    chosen = sample(updates, spec.sample, spec.sample_seed)
    return Recorded(spec.verifies, classes[0], updates, chosen)
