"""Everything that can be asked of a coordinator, by callers of every role: what they get is what this table says."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from roundhouse import Session
from rpc.client import Client
from rpc.errors import TaskRejected, TrainerError
from rpc.messages import (
    PROTOCOL_VERSION,
    AuditRow,
    DataFile,
    EventQuery,
    Hello,
    Join,
    RunSpec,
    ScriptSpec,
    WorkFilter,
)
from rpc.services import COORDINATOR
from tests.system.cluster import wait_until
from tests.system.guarded import CALLERS, LISTED, Guarded

# +: it is done, or fails for another reason; u: who are you?; f: not with this role; -: there is no such work.
TABLE = """
                      none viewer other owner operator admin node
hello                 u    +      +     +     +        +     +
train                 u    f      +     +     +        +     f
submit_run            u    f      f     +     +        +     f
submit_script         u    f      f     +     +        +     f
verify_run            u    f      -     +     +        +     f
add_schedule          u    f      f     +     +        +     f
order_schedule        u    f      -     +     +        +     f
cancel_work           u    f      -     +     +        +     f
remove_work           u    f      -     +     +        +     f
put_blob              u    f      +     +     +        +     f
get_blob              u    +      +     +     +        +     f
get_work              u    +      -     +     +        +     f
get_work_since        u    +      -     +     +        +     f
get_spec              u    +      -     +     +        +     f
list_checkpoints      u    +      -     +     +        +     f
list_metrics          u    +      -     +     +        +     f
list_attempts         u    +      -     +     +        +     f
logs                  u    +      -     +     +        +     f
watch                 u    +      -     +     +        +     f
why                   u    +      -     +     +        +     f
why_node              u    +      f     f     +        +     f
find_work             u    +      -     +     +        +     f
list_work             u    +      +     +     +        +     f
page_work             u    +      -     +     +        +     f
list_schedules        u    +      +     +     +        +     f
list_events           u    +      +     +     +        +     f
overview              u    +      +     +     +        +     f
glance                u    +      +     +     +        +     f
list_nodes            u    +      +     +     +        +     f
add_node              u    f      f     f     +        +     f
order_node            u    f      f     f     +        +     f
order_node_remove     u    f      f     f     f        +     f
join                  u    f      f     f     f        +     +
add_webhook           u    f      f     f     f        +     f
remove_webhook        u    f      f     f     f        +     f
list_webhooks         u    f      f     f     f        +     f
note_delivery         u    f      f     f     f        +     f
create_token          u    f      f     f     f        +     f
revoke_token          u    f      f     f     f        +     f
list_tokens           u    f      f     f     f        +     f
list_audit            u    f      f     f     f        +     f
authority             +    +      +     +     +        +     +
"""
_MEANS = {"unauthenticated": "u", "forbidden": "f", "not_found": "-"}
_ABOUT_NO_WORK = ("remove_webhook", "note_delivery", "revoke_token")  # which name something that is not there


def rows(table: str) -> dict[str, dict[str, str]]:
    head, *lines = table.strip().splitlines()
    return {line.split()[0]: dict(zip(head.split(), line.split()[1:], strict=True)) for line in lines}


ROWS = rows(TABLE)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with Guarded(tmp_path_factory.mktemp("guarded")) as guarded:
        yield guarded


def arguments(guarded: Guarded) -> Mapping[str, Callable[[], tuple[Any, ...]]]:
    """What each is called with, made anew for each call: much of it can be done once."""
    job, run, spec = guarded.job, guarded.run, guarded.job_spec

    def schedule() -> str:
        return guarded.admin.add_schedule(spec(), "@yearly").id

    def run_spec() -> RunSpec:
        return guarded.admin.run(run()).spec()

    return {
        "train": lambda: ("no such folder", 1, 1, 1, 0, 0.1),
        "submit_run": lambda: (run_spec(),),
        "submit_script": lambda: (spec(),),
        "verify_run": lambda: (run(), 0.5, 1, ""),
        "add_schedule": lambda: (spec(), "@yearly", "UTC", False),
        "order_schedule": lambda: (schedule(), "pause"),
        "cancel_work": lambda: (job(), ""),
        "remove_work": lambda: ((job(),),),
        "put_blob": lambda: ("sha256:" + "0" * 64, 1, 0, b""),
        "get_blob": lambda: (spec().bundle.blob, 0, 1),
        "list_attempts": lambda: (run(), 0, 1),
        "list_metrics": lambda: (job(), 0, 10),
        "logs": lambda: (job(), 0, 100, 0),
        "watch": lambda: (job(), 0, 0),
        "why": lambda: ("job", job()),
        "why_node": lambda: ("node", LISTED),
        "page_work": lambda: (WorkFilter(owner="ann", limit=1),),
        "list_events": lambda: (EventQuery(),),
        "glance": lambda: (10,),
        "add_node": lambda: (LISTED,),
        "order_node": lambda: (LISTED, "resume", ""),
        "order_node_remove": lambda: (LISTED, "remove", ""),
        "join": lambda: (Join("node-1", "00", "control", 1),),
        "add_webhook": lambda: ("http://127.0.0.1:1/", (), ""),
        "remove_webhook": lambda: ("webhook-00000000",),
        "note_delivery": lambda: ("webhook-00000000", 0, ""),
        "list_webhooks": lambda: (True,),
        "create_token": lambda: ("viewer", "", "", 0, ""),
        "revoke_token": lambda: ("nobody",),
        "list_audit": lambda: (0, 1),
        **{name: lambda: (run(),) for name in ("get_work", "get_spec", "list_checkpoints", "find_work")},
        "get_work_since": lambda: (run(), 0),
    }


def outcome(guarded: Guarded, token: str, method: str, args: tuple[Any, ...]) -> str:
    """What becomes of a call, as the table says it."""
    with closing(Client("127.0.0.1", guarded.port, COORDINATOR)) as client:
        client.connect()
        try:
            if token or method == "hello":
                role = "node" if method == "join" else "client"
                client.hello(Hello(PROTOCOL_VERSION, role, token=token, connection="client"))
            if method != "hello":
                client.call(method, *args)
        except (TrainerError, TaskRejected) as error:
            code = getattr(error, "code", "")
            if not token and code == "refused":  # it wants a hello first, which it does not get
                return "u"
            return "+" if method in _ABOUT_NO_WORK and code == "not_found" else _MEANS.get(code, "+")
    return "+"


def test_every_method_has_a_row() -> None:
    assert set(ROWS) - {"why_node", "order_node_remove"} == set(COORDINATOR.methods)
    assert all(set(row) == set(CALLERS) for row in ROWS.values())


@pytest.mark.parametrize("operation", ROWS)
def test_each_caller_gets_what_the_table_says(operation: str, guarded: Guarded) -> None:
    make = arguments(guarded).get(operation, tuple)
    method = {"why_node": "why", "order_node_remove": "order_node"}.get(operation, operation)
    found = {name: outcome(guarded, guarded.tokens[name], method, make()) for name in CALLERS}
    assert found == ROWS[operation]


def told_of(session: Session, name: str) -> str:
    """The id of the job, or why there is none."""
    try:
        return session.job(name).id
    except TrainerError as error:
        return str(error)


def test_a_submitter_is_shown_its_own_work_alone(guarded: Guarded) -> None:
    theirs, mine = guarded.job("ann"), guarded.job("bob")
    with guarded.session(guarded.tokens["other"]) as bob:
        lists = {
            "status": bob.status().work,
            "glance": bob.glance(1000).work,
            "jobs": bob.jobs(limit=1000),
            "runs": bob.runs(limit=1000),
        }
        for name, rows_of_it in lists.items():
            assert {row.owner for row in rows_of_it} <= {"bob"}, name
        assert mine in {row.id for row in lists["jobs"]} and mine in {row.id for row in lists["glance"]}
        assert {row.work for row in bob.events(EventQuery(limit=1000)).events} <= {row.id for row in lists["jobs"]}
        assert bob.events(EventQuery(work=theirs, limit=10)).events == ()
        assert bob.job("latest").id == mine
        assert theirs not in re.findall(r"job-\w+-\d+", told_of(bob, theirs[:-1]))
    with guarded.session(guarded.tokens["viewer"]) as viewer:
        assert {theirs, mine} <= {row.id for row in viewer.jobs(limit=1000)}


def test_a_submitter_is_told_that_others_are_before_it_and_not_who(guarded: Guarded) -> None:
    theirs, mine = guarded.job("ann"), guarded.run("bob")
    with guarded.session(guarded.tokens["other"]) as bob:
        assert theirs not in str(bob.why("run", mine))
        assert mine in str(bob.why("run", mine))


def test_what_a_submitter_submits_is_its_owners(guarded: Guarded) -> None:
    with guarded.session(guarded.tokens["owner"]) as ann:
        assert ann.submit_script(code="1", force_queue=True).detail().row.owner == "ann"
        with pytest.raises(TrainerError, match="submits work of ann, not of bob"):
            ann.submit_script(code="1", owner="bob", force_queue=True)


def test_nobody_goes_on_from_the_work_of_others(guarded: Guarded) -> None:
    job, run = guarded.job("ann"), guarded.run("ann")
    spec = guarded.admin.run(run).spec()
    with guarded.session(guarded.tokens["other"]) as bob:
        with pytest.raises(TrainerError, match="no run or job is called"):
            bob.submit_script(code="1", after=(job,), force_queue=True)
        with pytest.raises(TrainerError, match="no run or job is called"):
            bob.link.call("submit_run", RunSpec(**{**_fields(spec), "owner": "", "parent": run, "key": "mine"}))


def _fields(spec: RunSpec | ScriptSpec | DataFile) -> dict[str, Any]:
    return {name: getattr(spec, name) for name in type(spec).__dataclass_fields__}


def test_who_did_what_and_was_refused_it_is_written_down(guarded: Guarded) -> None:
    job = guarded.job("ann")
    with guarded.session(guarded.tokens["other"]) as bob, pytest.raises(TrainerError):
        bob.link.call("cancel_work", job, "")
    with guarded.session(guarded.tokens["owner"]) as ann:
        ann.cancel(job)

    def written() -> list[AuditRow]:
        newest = reversed(guarded.admin.audit(limit=100))
        return [row for row in newest if (row.subject, row.operation) == (job, "cancel_work")]

    wait_until(lambda: len(written()) == 2, "both are written down")
    assert [(row.owner, row.role, row.outcome) for row in written()] == [
        ("bob", "submitter", "not_found"),
        ("ann", "submitter", "done"),
    ]
    assert all(row.address.startswith("127.0.0.1:") and row.token for row in written())


def test_the_database_holds_no_token(guarded: Guarded, tmp_path: Path) -> None:
    written = b"".join(path.read_bytes() for path in guarded.data.rglob("*") if path.is_file())
    secrets = [*guarded.tokens.values(), guarded.first]
    assert len(secrets) == len(CALLERS) + 1
    for secret in filter(None, secrets):
        assert secret.encode() not in written and secret[14:57].encode() not in written
        assert secret[3:13].encode() in written  # its id, which is none
