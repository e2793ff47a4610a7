"""Training runs: lists, one run, its start, its end, what goes on from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Query, Response

from client.api import Session
from client.keys import new_key
from client.results import run_of
from client.settings import make_spec
from client.upload import find_data
from rpc.errors import BadRequest
from rpc.messages import AttemptRow, Checkpoint, RunSpec, WorkDetail, WorkRow
from rpc.run_spec import MAX_NAME, MAX_ROUNDS
from web.letters import letters
from web.rest.door import ItsDoor, ItsSession
from web.rest.models import Started, Why, started
from web.rest.names import RUNS, Key, Owner, WorkName, find
from web.rest.paging import Before, Limit, Page, page_of
from web.rest.run_models import Attempts, Blobs, Branch, DataOf, Detail, NewRun, RunShown, Verify
from web.rest.work import State

router = APIRouter(prefix="/runs", tags=["runs"])

_MOST_ATTEMPTS = 20_000  # of one answer of the coordinator
_MOST_ROUNDS = 200  # whose attempts are asked for at once
_CANCEL_S = 30.0
Round = Annotated[int, Query(ge=0, le=MAX_ROUNDS)]


@router.get("")
async def list_runs(
    door: ItsDoor,
    state: Annotated[list[State] | None, Query()] = None,
    owner: Owner = "",
    before: Before = 0,
    limit: Limit = 100,
) -> Page[WorkRow]:
    """Runs, the newest first."""
    return await page_of(door, RUNS, state, owner=owner, before=before, limit=limit)


@router.post("", status_code=201)
def start_run(session: ItsSession, response: Response, wanted: NewRun, idempotency_key: Key = "") -> Started:
    """Start a run on the bundled letters, on the data of an earlier run, or on files that were put as blobs."""
    spec = spec_of(session, wanted, idempotency_key)
    return started(response, "runs", session.start(spec).id)


@router.get("/{name}")
async def show_run(door: ItsDoor, name: WorkName) -> RunShown:
    """All that is known of a run: its row, rounds and times, settings, and the rounds that can be branched from."""
    row = await find(door, name, RUNS)
    detail: WorkDetail = await door.call("get_work", row.id)
    spec: RunSpec = await door.call("get_spec", row.id)
    checkpoints: tuple[Checkpoint, ...] = await door.call("list_checkpoints", row.id)
    return RunShown(
        row=detail.row,
        run=Detail.model_validate(run_of(detail)),
        settings=spec,
        checkpoints=list(checkpoints),
    )


@router.delete("/{name}")
async def remove_run(door: ItsDoor, name: WorkName) -> WorkRow:
    """Forget a run that has ended, with its models; answered with what it was."""
    row = await find(door, name, RUNS)
    removed: tuple[WorkRow, ...] = await door.call("remove_work", (row.id,))
    return removed[0]


@router.post("/{name}/cancel")
async def cancel_run(door: ItsDoor, name: WorkName, why: Why | None = None) -> WorkRow:
    """End a run; answered with how it stands after that."""
    row = await find(door, name, RUNS)
    reason = (why.reason if why else "") or "over HTTP"
    ended: WorkRow = await door.call("cancel_work", row.id, reason, waits_s=_CANCEL_S)
    return ended


@router.post("/{name}/branch", status_code=201)
def branch_run(
    session: ItsSession, response: Response, name: WorkName, wanted: Branch, idempotency_key: Key = ""
) -> Started:
    """Start a run that goes on from a stored round of this one, with the same settings but for the changes."""
    changes = wanted.changes() | ({"key": idempotency_key} if idempotency_key else {})
    return started(response, "runs", session.run(name).branch(wanted.from_round, **changes).id)


@router.post("/{name}/verify", status_code=201)
async def verify_run(
    door: ItsDoor, response: Response, name: WorkName, wanted: Verify, idempotency_key: Key = ""
) -> Started:
    """Start a run that computes a share of the updates of this one again and compares; it fails at a difference."""
    row = await find(door, name, RUNS)
    work_id: str = await door.call("verify_run", row.id, wanted.sample, wanted.seed, idempotency_key or new_key())
    return started(response, "runs", work_id)


@router.get("/{name}/attempts")
async def list_attempts(
    door: ItsDoor, name: WorkName, first_round: Round = 0, last_round: Round | None = None
) -> Attempts:
    """Who gave which update of these rounds, what was rejected or failed and why, and what is under way.

    Without the last round it is the one under way, and the first at most 200 before it.
    """
    row = await find(door, name, RUNS)
    last = row.round + 1 if last_round is None else last_round
    first = max(first_round, last - _MOST_ROUNDS) if last_round is None else first_round
    if last - first > _MOST_ROUNDS:
        raise BadRequest(f"the attempts of at most {_MOST_ROUNDS} rounds at once, not of {first} to {last}")
    rows: tuple[AttemptRow, ...] = await door.call("list_attempts", row.id, first, last)
    return Attempts(items=list(rows), is_whole=len(rows) < _MOST_ATTEMPTS)


def spec_of(session: Session, wanted: NewRun, key: str) -> RunSpec:
    """What is asked for, on data that the coordinator holds."""
    data = wanted.data
    spec = make_spec(
        Path(data.kind),
        rounds=wanted.rounds,
        epochs=wanted.epochs,
        hidden=wanted.hidden,
        eta=wanted.eta,
        **wanted.settings.model_dump(exclude_unset=True),
        key=key,
    )
    match data:
        case Blobs():
            shards = tuple(file.data_file() for file in data.shards)
            spec = replace(spec, shards=shards, validation=data.validation.data_file(), name=_stem(shards[0].file))
        case DataOf():
            earlier = session.run(data.run)
            its = earlier.spec()
            spec = replace(spec, shards=its.shards, validation=its.validation, name=its.name)
        case _:
            spec = session.send_data(spec, find_data(letters()))
    return replace(spec, name=wanted.name) if wanted.name else spec


def _stem(file: str) -> str:
    """What a file is called, as a run on it is called where nobody names it."""
    return Path(file).stem[:MAX_NAME] or file
