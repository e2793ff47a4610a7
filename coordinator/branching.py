"""Runs that go on from a stored round of another run: what they start from, read from the store on a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from coordinator.checkpoints import model_role, optimizer_role, stored_rounds
from coordinator.core.model import Work
from coordinator.core.saved import SavedRun
from coordinator.core.scripting import ScriptJob
from coordinator.core.training import TrainingRun
from coordinator.store.reading import Reader
from coordinator.store.rows import StoredWork
from rpc.blobs import BlobFolder
from rpc.codec import from_bytes
from rpc.errors import BadRequest, MissingBlob, NotFound
from rpc.messages import Checkpoint, RunSpec

# What the weights of a model mean depends on these.
_KEPT = ("shards", "validation", "hidden", "classes", "activation", "dtype", "standardize")


def branch(spec: RunSpec, reader: Reader, blobs: BlobFolder) -> tuple[RunSpec, SavedRun]:
    """Return the specification with the number of the round filled in, and where the run begins.

    Raises:
        NotFound: there is no such parent.
        BadRequest: the round is not stored, or not whole; no round is left to do; or the model would be another one.
    """
    parent = reader.work(spec.parent)
    if parent is None:
        raise NotFound(f"no run is called {spec.parent!r}; `client.py runs list` lists them")
    old, files = stored_spec(parent, reader), reader.blobs(parent.id)
    number = _round_of(spec, stored_rounds(files))
    if number >= spec.rounds:
        raise BadRequest(
            f"nothing is left to do after round {number} of {spec.rounds}; ask for more rounds, or begin earlier"
        )
    for name in _KEPT:
        if getattr(spec, name) != getattr(old, name):
            raise BadRequest(f"a branch has the {name} of the run that it goes on from; they cannot be changed")
    _check_whole(spec.parent, number, files, blobs)
    goes_on = spec.server_optimizer == old.server_optimizer  # others keep something else from round to round
    start = SavedRun(
        tuple(each.summary for each in reader.surveys(parent.id)),
        tuple(each.row for each in reader.rounds(parent.id, up_to=number)),
        files[model_role(number)],
        files.get(optimizer_role(number), "") if goes_on else "",
    )
    return replace(spec, parent_round=number), start


def checkpoints(work: StoredWork, reader: Reader) -> tuple[Checkpoint, ...]:
    """The rounds of a run that are stored, the first one first."""
    files = reader.blobs(work.id)
    return tuple(
        Checkpoint(number, files[model_role(number)], _error_after(work.id, number, reader))
        for number in stored_rounds(files)
    )


def _error_after(work_id: str, number: int, reader: Reader) -> float | None:
    """The validation error after a round: a run has thousands of them, and only a few are stored."""
    found = reader.rounds(work_id, after=number - 1, up_to=number)
    return found[0].row.validation_error if found else None


def stored_spec(work: StoredWork, reader: Reader) -> RunSpec:
    """What a run of before this start was asked to do.

    Raises:
        NotFound: it was removed a moment ago.
        BadRequest: it is no run.
    """
    if work.kind == ScriptJob.kind:
        raise _no_run(work.id)
    spec = reader.spec(work.id)
    if spec is None:
        raise NotFound(f"{work.id} was removed a moment ago")
    return from_bytes(RunSpec, spec)


def run_spec(work: Work) -> RunSpec:
    """What a run was asked to do; raises BadRequest: it is no run."""
    run = work.workload
    if not isinstance(run, TrainingRun):
        raise _no_run(work.id)
    return run.spec


def _no_run(work_id: str) -> BadRequest:
    return BadRequest(f"{work_id} is no training run but a script job; `client.py jobs show {work_id}` tells of it")


def _check_whole(parent: str, number: int, files: Mapping[str, str], blobs: BlobFolder) -> None:
    """Raise BadRequest if what is stored of a round cannot be read."""
    try:
        for role in (model_role(number), optimizer_role(number)):
            if role in files:
                blobs.checked(files[role])
    except (MissingBlob, OSError) as error:
        others = ", ".join(str(each) for each in stored_rounds(files) if each != number)
        raise BadRequest(
            f"round {number} of {parent} cannot be read: {error}"
            + (f"; --from-round has {others} too" if others else "")
        ) from error


def _round_of(spec: RunSpec, stored: list[int]) -> int:
    """The stored round that is meant."""
    if not stored:
        raise BadRequest(f"no round of {spec.parent} is stored yet; wait for its first one")
    number = spec.parent_round or stored[-1]
    if number not in stored:
        shown = ", ".join(map(str, stored))
        raise BadRequest(f"round {number} of {spec.parent} is not stored; these are: {shown}")
    return number
