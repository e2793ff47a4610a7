"""The SQL of every change. Changes of one kind go to the database together, kinds in an order that suits the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection

from coordinator.core.model import WorkState
from coordinator.store import statements as sql
from coordinator.store.changes import (
    AttemptEnded,
    BlobNamed,
    Change,
    Measured,
    NodeRemoved,
    NodeSeen,
    RoundCommitted,
    RoundDone,
    RoundsUndone,
    ScheduleKept,
    ScheduleRemoved,
    ShardSurveyed,
    WebhookKept,
    WebhookRemoved,
    WorkEnded,
    WorkForgotten,
    WorkProgressed,
    WorkRested,
    WorkStarted,
    WorkSubmitted,
)
from coordinator.store.identities import write_audit, write_tokens
from coordinator.store.identity_changes import Audited, TokenKept, TokenRemoved
from coordinator.store.schema import (
    attempt,
    blob_name,
    event,
    metric,
    node,
    predecessor,
    round_,
    schedule,
    survey,
    webhook,
    work,
)
from rpc.errors import FailureKind
from rpc.messages import EventRow, RoundRow

Row = Mapping[str, Any]


def apply_changes(connection: Connection, changes: Sequence[Change]) -> tuple[int, ...]:
    """Write the changes; return the positions of those that came too late and changed nothing."""
    places: dict[type, list[int]] = {}
    for place, change in enumerate(changes):
        places.setdefault(type(change), []).append(place)
    late: list[int] = []
    for kinds, write in _WRITERS:
        mine = sorted(place for kind in kinds for place in places.get(kind, ()))
        if mine:
            late += [mine[index] for index in write(connection, [changes[place] for place in mine])]
    return tuple(sorted(late))


def _submit(connection: Connection, submitted: Sequence[WorkSubmitted]) -> list[int]:
    late: list[int] = []
    if any(each.key or each.parent or each.after for each in submitted):
        # One by one: each says whether its key is new, and whether what it needs is still there.
        late = [place for place, each in enumerate(submitted) if not _submit_one(connection, each)]
    else:
        connection.execute(sql.INSERT[work], list(map(_work_row, submitted)))
    new = [each for place, each in enumerate(submitted) if place not in late]
    names = [{"work": each.id, "role": role, "blob": blob} for each in new for role, blob in each.blobs.items()]
    if names:
        connection.execute(sql.INSERT[blob_name], names)
    after = [{"work": each.id, "after": of, "state": ""} for each in new for of in each.after]
    if after:
        connection.execute(sql.INSERT[predecessor], after)
    for each in new:
        if each.parent:
            _inherit(connection, each)
        if each.members:
            connection.execute(sql.INSERT[work], _member_rows(each))
    return late


def _submit_one(connection: Connection, submitted: WorkSubmitted) -> bool:
    for needed in filter(None, (submitted.parent, *submitted.after)):
        if connection.execute(sql.EXISTS, {"of": needed}).first() is None:
            return False
    statement = sql.insert_unless_known(connection.dialect.name)
    return connection.execute(statement, _work_row(submitted)).rowcount == 1


def _inherit(connection: Connection, branch: WorkSubmitted) -> None:
    for statement in sql.INHERIT:
        connection.execute(statement, {"to": branch.id, "of": branch.parent, "up_to": branch.parent_round})


def _work_row(submitted: WorkSubmitted) -> Row:
    return {
        **_fields(submitted, _SUBMITTED_FIELDS),
        "select": dict(submitted.select),
        "state": WorkState.PENDING.value,
        "submitted_ms": submitted.at_ms,
        **_NEW_WORK,
    }


def _member_rows(array: WorkSubmitted) -> list[Row]:
    """Rows of very many that differ little: made where nobody waits for the processor."""
    row = {
        **_work_row(array),
        "kind": array.member_kind,
        "spec": b"",
        "key": "",
        "tasks_total": 1,
        "array_id": array.id,
    }
    return [{**row, "id": each, "array_index": index} for index, each in array.members.items()]


_SUBMITTED_FIELDS = ("id", "kind", "name", "spec", "owner", "key", "priority", "rounds", "tasks_total", "deadline_ms")
_NEW_WORK: Row = {
    **{"reason": "", "failure": FailureKind.NONE.code},
    **dict.fromkeys(("round", "tasks_done", "started_ms", "ended_ms"), 0),
    **{"validation_error": None, "detail": {}, "is_thinned": False, "array_id": "", "array_index": 0},
}


def _change_states(connection: Connection, changes: Sequence[WorkStarted | WorkRested | WorkEnded]) -> list[int]:
    # One by one: each row count says who came first.
    return [place for place, change in enumerate(changes) if not _change_state(connection, change)]


def _change_state(connection: Connection, change: WorkStarted | WorkRested | WorkEnded) -> bool:
    match change:
        case WorkStarted(of, at_ms):
            return connection.execute(sql.START, {"of": of, "started_ms": at_ms}).rowcount == 1
        case WorkRested(of):
            return connection.execute(sql.REST, {"of": of}).rowcount == 1
        case WorkEnded(of, state, at_ms, reason, failure):
            row = {"of": of, "state": state.value, "ended_ms": at_ms, "reason": reason, "failure": failure.code}
            return connection.execute(sql.END, row).rowcount == 1


def _progress(connection: Connection, progressed: Sequence[WorkProgressed]) -> list[int]:
    names = ("round", "rounds", "tasks_done", "tasks_total", "validation_error")
    newest = {each.work: each for each in progressed}.values()
    connection.execute(
        sql.PROGRESS, [{"of": each.work, **_fields(each, names), "detail": dict(each.detail)} for each in newest]
    )
    return []


def _survey(connection: Connection, surveyed: Sequence[ShardSurveyed]) -> list[int]:
    rows = [
        {
            "work": each.work,
            "shard": each.shard,
            **_fields(each.summary, ("rows", "columns", "max_label")),
            **{name: bytes(getattr(each.summary, name)) for name in ("mean", "m2", "label_counts")},
        }
        for each in surveyed
    ]
    connection.execute(sql.INSERT[survey], rows)
    return []


def _rounds(connection: Connection, done: Sequence[RoundDone]) -> list[int]:
    names = tuple(RoundRow.__dataclass_fields__)
    rows = [{"work": each.work, **_fields(each.row, names), "detail": dict(each.detail)} for each in done]
    connection.execute(sql.INSERT[round_], rows)
    return []


def _undo_rounds(connection: Connection, undone: Sequence[RoundsUndone]) -> list[int]:
    connection.execute(sql.UNDO_ROUNDS, [{"of": each.work, "after": each.after} for each in undone])
    return []


def _rounds_committed(connection: Connection, committed: Sequence[RoundCommitted]) -> list[int]:
    rows = [{"of": each.work, "number": each.round, "commit_s": each.commit_s} for each in committed]
    connection.execute(sql.COMMITTED, rows)
    return []


def _attempts(connection: Connection, ended: Sequence[AttemptEnded]) -> list[int]:
    names = ("work", "task", "round", "shard", "node", "fence", "at_ms", "cause", "message")
    rows = [{**_fields(each, names), "outcome": each.outcome.value, "scores": dict(each.scores)} for each in ended]
    connection.execute(sql.INSERT[attempt], rows)
    return []


def _metrics(connection: Connection, measured: Sequence[Measured]) -> list[int]:
    names = tuple(Measured.__dataclass_fields__)
    connection.execute(sql.INSERT[metric], [_fields(each, names) for each in measured])
    return []


def _events(connection: Connection, happened: Sequence[EventRow]) -> list[int]:
    names = tuple(EventRow.__dataclass_fields__)
    connection.execute(sql.INSERT[event], [_fields(each, names) for each in happened])
    return []


def _name_blobs(connection: Connection, named: Sequence[BlobNamed]) -> list[int]:
    newest = {(each.work, each.role): each.blob for each in named}
    kept = [{"work": of, "role": role, "blob": blob} for (of, role), blob in newest.items() if blob]
    if kept:
        connection.execute(sql.replace(connection.dialect.name, blob_name), kept)
    dropped = [{"of": of, "as": role} for (of, role), blob in newest.items() if not blob]
    if dropped:
        connection.execute(sql.UNNAME, dropped)
    return []


_NODE_COUNTS = ("done", "rejected", "failed")


def _nodes(connection: Connection, news: Sequence[NodeSeen | NodeRemoved]) -> list[int]:
    newest = {each.id: each for each in news}
    names = ("id", "name", "address", "source", "state", "reason", "until_ms", "seen_ms", *_NODE_COUNTS)
    seen = [
        {**_fields(each, names), "labels": dict(each.labels)} for each in newest.values() if isinstance(each, NodeSeen)
    ]
    if seen:
        connection.execute(sql.replace(connection.dialect.name, node), seen)
    removed = [{"of": each.id} for each in newest.values() if isinstance(each, NodeRemoved)]
    if removed:
        connection.execute(sql.REMOVE_NODE, removed)
    return []


def _schedules(connection: Connection, news: Sequence[ScheduleKept | ScheduleRemoved]) -> list[int]:
    newest = {each.id: each for each in news}.values()
    names = ("id", "made_ms", "body")
    kept = [{**_fields(each, names), "blobs": list(each.blobs)} for each in newest if isinstance(each, ScheduleKept)]
    if kept:
        connection.execute(sql.replace(connection.dialect.name, schedule), kept)
    removed = [{"of": each.id} for each in newest if isinstance(each, ScheduleRemoved)]
    if removed:
        connection.execute(sql.REMOVE_SCHEDULE, removed)
    return []


def _webhooks(connection: Connection, news: Sequence[WebhookKept | WebhookRemoved]) -> list[int]:
    newest = {each.id: each for each in news}.values()
    names = ("id", "url", "secret", "made_ms", "last", "fault")
    kept = [{**_fields(each, names), "states": list(each.states)} for each in newest if isinstance(each, WebhookKept)]
    if kept:
        connection.execute(sql.replace(connection.dialect.name, webhook), kept)
    removed = [{"of": each.id} for each in newest if isinstance(each, WebhookRemoved)]
    if removed:
        connection.execute(sql.REMOVE_WEBHOOK, removed)
    return []


def _forget(connection: Connection, forgotten: Sequence[WorkForgotten]) -> list[int]:
    for statement in sql.FORGET:
        connection.execute(statement, [{"of": each.work} for each in forgotten])
    return []


def _fields(source: object, names: Iterable[str]) -> Row:
    return {name: getattr(source, name) for name in names}


# Work comes before what refers to it, and goes after everything else.
_WRITERS: tuple[tuple[tuple[type, ...], Callable[[Connection, Sequence[Any]], list[int]]], ...] = (
    ((WorkSubmitted,), _submit),
    ((WorkStarted, WorkRested, WorkEnded), _change_states),
    ((WorkProgressed,), _progress),
    ((ShardSurveyed,), _survey),
    ((RoundsUndone,), _undo_rounds),
    ((RoundDone,), _rounds),
    ((RoundCommitted,), _rounds_committed),
    ((AttemptEnded,), _attempts),
    ((Measured,), _metrics),
    ((BlobNamed,), _name_blobs),
    ((NodeSeen, NodeRemoved), _nodes),
    ((EventRow,), _events),
    ((ScheduleKept, ScheduleRemoved), _schedules),
    ((WebhookKept, WebhookRemoved), _webhooks),
    ((TokenKept, TokenRemoved), write_tokens),
    ((Audited,), write_audit),
    ((WorkForgotten,), _forget),
)
