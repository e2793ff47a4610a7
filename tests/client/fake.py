"""A coordinator that trains nothing: it holds blobs, and answers with what a test prepared."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Thread

import numpy as np

from rpc.blobs import BlobFolder, blob_name
from rpc.errors import NotFound, TrainerError, Unauthenticated
from rpc.loop import Loop
from rpc.messages import (
    PROTOCOL_VERSION,
    AttemptRow,
    AuditRow,
    BlobState,
    Buffer,
    Checkpoint,
    DataFile,
    EventPage,
    EventQuery,
    EventRow,
    Hello,
    HelloReply,
    News,
    NodeRow,
    Overview,
    Reason,
    RoundRow,
    RunDetail,
    RunSpec,
    Schedule,
    ScriptSpec,
    Token,
    Webhook,
    Why,
    WorkDetail,
    WorkFilter,
    WorkRow,
)
from rpc.server import Caller, Later, Server
from rpc.services import COORDINATOR
from tests.client.fake_jobs import ARTIFACTS, FakeJobs

RUN_ID = "run-7"
LAYERS = (2, 3, 2)
WEIGHTS = np.arange(17, dtype="<f4") / 10
SHA256 = hashlib.sha256(WEIGHTS.tobytes()).hexdigest()

RUNNING = WorkRow(
    id=RUN_ID,
    kind="run",
    name="data",
    state="running",
    rounds=2,
    tasks_total=4,
    submitted_ms=1_700_000_000_000,
)
COMPLETED = replace(
    RUNNING,
    state="completed",
    round=2,
    tasks_done=4,
    validation_error=0.38154,
    started_ms=1_700_000_001_000,
    ended_ms=1_700_000_003_500,
)
DETAIL = RunDetail(
    rounds=(
        RoundRow(round=1, validation_error=0.5, seconds=1.25, compute_s=2.0, tasks=2, epochs_run=6),
        RoundRow(round=2, validation_error=0.38154, seconds=1.0, compute_s=1.5, tasks=2, epochs_run=6),
    ),
    tasks_by_node={"127.0.0.1:9091": 3, "127.0.0.1:9092": 1},
    rejections=5,
    retries=1,
    bytes_sent=1234,
    bytes_received=567,
    model=blob_name(WEIGHTS.tobytes()),
    model_sha256=SHA256,
    model_bytes=WEIGHTS.nbytes,
    layers=LAYERS,
    numeric_class="abc",
)


ATTEMPTS = (
    AttemptRow("run-7/1/0", 1, 0, "n1", "failed", "timeout", "no answer in 3 s", 1_700_000_001_000),
    AttemptRow("run-7/1/0", 1, 0, "n2", "done", is_last=True, wait_s=0.25, work_s=0.5),
    AttemptRow("run-7/2/0", 2, 0, "n1", "placed", at_ms=1_700_000_002_000, tries=1),
)
TOKEN = Token("a1B2c3D4e5", "submitter", owner="ann", name="laptop", made_ms=1_700_000_000_000)
FIRST = blob_name((WEIGHTS / 2).tobytes())  # the model of round 1, which is the better one
SPEC = RunSpec(
    "data", (), DataFile("validate_toy.txt", "", 0), 2, 3, (3,), eta=0.5, key="monday", owner="ann", patience=4
)
WHY = Why(
    kind="run",
    id=RUN_ID,
    state="pending",
    answer="run-7 is pending: it waits for a compute node: none is connected.",
    reasons=(
        Reason("waiting", "it waits for a compute node: none is connected", 1_700_000_000_000, "start a node"),
        Reason("node", "n1 is lost: reset"),
        Reason("node", "n2 is drained"),
    ),
)


def event(number: int, kind: str, message: str, *, round_number: int = 0) -> EventRow:
    return EventRow(number=number, at_ms=0, kind=kind, work=RUN_ID, round=round_number, message=message)


def story_of(*rows: WorkRow) -> list[News]:
    """One piece of news for each row, numbered from 1, each telling of a round's end."""
    news = []
    for number, row in enumerate(rows, start=1):
        error = event(number, "round done", f"validation error 0.{number}000", round_number=number)
        news.append(News(row, (error,), last=number))
    return news


@dataclass
class FakeCoordinator(FakeJobs):
    """The handler; its fields are what it answers and what it was asked.

    Attributes:
        story: the answers of `watch`, by the number asked for; beyond its end, calls are held for
            ever, unless the run has ended.
        parts: (name, offset, size) of each part of data that came.
        outages: what the next calls of `watch` and `list_events` are refused with.
        lost_answers: so many submissions are taken, but never answered.
        forgotten: `watch` knows no run any more.
        listed: how many runs there are, all alike.
        key: another name of the run.
        end_together: cancelled work ends when so many have been cancelled.
        watched: gets an item with each call of `watch`.
        greeted: is called when somebody says hello.
        held: is called when the answer to a `watch` is held back for ever.
        wanted_token: whoever shows another, or one where this is empty, is refused.
    """

    blobs: BlobFolder
    story: list[News] = field(default_factory=lambda: story_of(RUNNING, COMPLETED))
    row: WorkRow = COMPLETED
    detail: RunDetail = DETAIL
    nodes: Overview = field(default_factory=lambda: Overview("0.1.0", "load-balancing", 5.0))
    protocol: int = PROTOCOL_VERSION
    outages: list[TrainerError] = field(default_factory=list)
    forgotten: bool = False
    listed: int = 1
    key: str = "monday"
    spec: RunSpec = SPEC
    stored: tuple[Checkpoint, ...] = (Checkpoint(1, FIRST, 0.3), Checkpoint(2, DETAIL.model, 0.38154))
    node_rows: tuple[NodeRow, ...] = ()
    webhooks: tuple[Webhook, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    tokens: tuple[Token, ...] = ()
    audit: tuple[AuditRow, ...] = ()
    wanted_token: str = ""
    events: tuple[EventRow, ...] = ()
    queries: list[EventQuery] = field(default_factory=list)
    orders: list[tuple[str, str, str]] = field(default_factory=list)
    specs: list[RunSpec] = field(default_factory=list)
    parts: list[tuple[str, int, int]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)  # of verifications and webhooks
    cancelled: list[tuple[str, str]] = field(default_factory=list)
    end_together: int = 1
    rounds_asked: list[int] = field(default_factory=list)  # after which those of a run were asked for
    ending: list[tuple[Later, WorkRow]] = field(default_factory=list)
    watched: SimpleQueue[int] = field(default_factory=SimpleQueue)
    greeted: Callable[[], None] = lambda: None
    held: Callable[[], None] = lambda: None
    reason_why: Why = WHY

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        self.greeted()
        if hello.token != self.wanted_token:
            raise Unauthenticated("show another token")
        owner = "ann" if hello.token else ""
        return HelloReply(protocol=self.protocol, name="fake", version="0.1.0", role="submitter", owner=owner)

    def put_blob(self, caller: Caller, name: str, size: int, offset: int, data: Buffer) -> BlobState:
        if len(data):
            self.parts.append((name, offset, len(data)))
        return self.blobs.put(name, size, offset, data) if len(data) else self.blobs.state(name, size)

    def get_blob(self, caller: Caller, name: str, offset: int, length: int) -> bytes:
        return self.blobs.get(name, offset, length)

    def submit_run(self, caller: Caller, spec: RunSpec) -> str | Later:
        if self.refusal is not None:
            raise self.refusal
        self.specs.append(spec)
        if self.lost_answers:
            self.lost_answers -= 1
            return Later()
        return RUN_ID

    def watch(self, caller: Caller, work_id: str, after: int, wait_ms: int) -> News | Later:
        self.watched.put(after)
        if self.is_job(work_id):
            return self.job_news(after)
        if self.outages:
            raise self.outages.pop()
        if self.forgotten:
            raise NotFound(f"no run is called {work_id}")
        if after < len(self.story):
            return self.story[after]
        last = self.story[-1]
        if last.row.state != "running":
            return News(last.row, last=after)
        self.held()
        return Later()

    def get_work(self, caller: Caller, work_id: str) -> WorkDetail:
        if self.is_job(work_id):
            return WorkDetail(self.job_row, job=self.job)
        if work_id not in (RUN_ID, self.row.id):
            raise NotFound(f"no run {work_id}; `client.py status` lists them")
        return WorkDetail(self.row, self.detail)

    def get_work_since(self, caller: Caller, work_id: str, round: int) -> WorkDetail:
        self.rounds_asked.append(round)
        detail = self.get_work(caller, work_id)
        assert detail.run is not None
        rounds = tuple(each for each in detail.run.rounds if each.round > round)
        return replace(detail, run=replace(detail.run, rounds=rounds))

    def list_work(self, caller: Caller) -> tuple[WorkRow, ...]:
        return (self.row,)

    def page_work(self, caller: Caller, filter: WorkFilter) -> tuple[WorkRow, ...]:
        """As many rows as there are `listed`; the number of each is its place, counted from 1."""
        rows = [replace(self.row, number=number) for number in range(self.listed, 0, -1)]
        rows.append(replace(self.job_row, number=0))
        shown = [row for row in rows if row.kind in (filter.kinds or (row.kind,))]
        shown = [row for row in shown if not filter.before or row.number < filter.before]
        return tuple(row for row in shown if row.state in (filter.states or (row.state,)))[: filter.limit]

    def find_work(self, caller: Caller, name: str) -> WorkRow:
        if self.is_job(name):
            return self.job_row
        if name not in (RUN_ID, self.key, "latest"):
            raise NotFound(f"no run is called {name!r}; `client.py runs list` lists them")
        return self.row

    def get_spec(self, caller: Caller, work_id: str) -> RunSpec:
        return self.spec

    def list_checkpoints(self, caller: Caller, work_id: str) -> tuple[Checkpoint, ...]:
        return self.stored

    def verify_run(self, caller: Caller, id: str, sample: float, seed: int, key: str | None = None) -> str:
        """The verification is the run itself, whose story and end are prepared."""
        self.keys.append(key)
        if self.outages:
            raise self.outages.pop()
        return self.row.id

    def cancel_work(self, caller: Caller, work_id: str, reason: str) -> Later:
        self.cancelled.append((work_id, reason))
        row = replace(self.job_row if self.is_job(work_id) else self.row, state="cancelled", reason=reason)
        self.ending.append((Later(), row))
        answer = self.ending[-1][0]
        if len(self.ending) >= self.end_together:
            while self.ending:
                later, ended = self.ending.pop()
                later.resolve(ended)
        return answer

    def remove_work(self, caller: Caller, ids: tuple[str, ...]) -> tuple[WorkRow, ...]:
        return tuple(replace(self.row, id=each) for each in ids)

    def list_nodes(self, caller: Caller) -> tuple[NodeRow, ...]:
        return self.node_rows

    def add_node(self, caller: Caller, address: str) -> NodeRow:
        return NodeRow(address, "", "connecting")

    def order_node(self, caller: Caller, node: str, order: str, reason: str) -> NodeRow:
        if not any(node in (row.id, row.name) for row in self.node_rows):
            raise NotFound(f"no node is called {node!r}; `client.py nodes list` lists them")
        self.orders.append((node, order, reason))
        return self.node_rows[-1]

    def add_schedule(self, caller: Caller, spec: ScriptSpec, cron: str, zone: str, overlaps: bool) -> Schedule:
        self.schedules += (Schedule("schedule-00000001", spec, cron, zone, overlaps, next_ms=1),)
        return self.schedules[-1]

    def list_schedules(self, caller: Caller) -> tuple[Schedule, ...]:
        return self.schedules

    def order_schedule(self, caller: Caller, id: str, order: str) -> Schedule:
        for each in self.schedules:
            if each.id == id:
                return replace(each, paused=order == "pause")
        raise NotFound(f"no schedule is called {id!r}; `client.py schedules list` lists them")

    def create_token(self, caller: Caller, role: str, owner: str, name: str, expires_ms: int, node: str) -> Token:
        return replace(TOKEN, role=role, owner=owner, name=name, expires_ms=expires_ms, node=node, secret="rh_secret")

    def authority(self, caller: Caller) -> bytes:
        return b""

    def list_tokens(self, caller: Caller) -> tuple[Token, ...]:
        return self.tokens

    def revoke_token(self, caller: Caller, id: str) -> Token:
        if id not in {each.id for each in self.tokens}:
            raise NotFound(f"no token is called {id!r}; `client.py token list` lists them")
        return replace(TOKEN, revoked_ms=2)

    def list_audit(self, caller: Caller, before: int, limit: int) -> tuple[AuditRow, ...]:
        return self.audit

    def list_webhooks(self, caller: Caller, secrets: bool) -> tuple[Webhook, ...]:
        return self.webhooks

    def add_webhook(
        self, caller: Caller, url: str, states: tuple[str, ...], secret: str, key: str | None = None
    ) -> Webhook:
        self.keys.append(key)
        return Webhook("webhook-00000001", url, states or ("completed",), secret or "whsec_bWFkZQ==", made_ms=1)

    def remove_webhook(self, caller: Caller, id: str) -> None:
        if id not in {each.id for each in self.webhooks}:
            raise NotFound(f"no webhook is called {id!r}; `client.py webhooks list` lists them")

    def overview(self, caller: Caller) -> Overview:
        return self.nodes

    def glance(self, caller: Caller, runs: int) -> Overview:
        return self.nodes

    def list_events(self, caller: Caller, query: EventQuery) -> EventPage:
        self.queries.append(query)
        if self.outages:
            raise self.outages.pop()
        found = tuple(row for row in self.events if row.number > query.after)
        shown = found[-query.limit :]
        left_out = len(found) - len(shown) if query.after and query.newest else 0
        return EventPage(shown, self.events[-1].number if self.events else 0, left_out)

    def list_attempts(self, caller: Caller, id: str, first_round: int, last_round: int) -> tuple[AttemptRow, ...]:
        return tuple(row for row in ATTEMPTS if first_round <= row.round <= last_round)

    def why(self, caller: Caller, kind: str, id: str) -> Why:
        if id not in (RUN_ID, self.row.id) and not self.is_job(id):
            raise NotFound(f"no {kind} is called {id!r}; do you mean {RUN_ID}?")
        return self.reason_why


class Serving:
    """A fake coordinator on a port of its own, in a thread of its own."""

    def __init__(self, folder: Path) -> None:
        blobs = BlobFolder(folder)
        self.fake = FakeCoordinator(blobs)
        for name, weights in ((DETAIL.model, WEIGHTS), (FIRST, WEIGHTS / 2)):
            blobs.put(name, weights.nbytes, 0, weights.tobytes())
        for data in ARTIFACTS.values():
            blobs.put(blob_name(data), len(data), 0, data)
        self._loop = Loop()
        self._server = Server(self._loop, COORDINATOR, self.fake, host="127.0.0.1", port=0)
        self.port = self._server.address[1]
        self._place = socket.socket()
        self._thread = Thread(target=self._loop.run)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def drop_everybody(self) -> None:
        """Close the port and all connections, and serve there anew: what clients see of a restart."""
        done = Event()

        def again() -> None:
            self._server.close()
            self._server = Server(self._loop, COORDINATOR, self.fake, host="127.0.0.1", port=self.port)
            done.set()

        self._loop.post(again)
        assert done.wait(10), "the fake coordinator did not come back"

    def stop(self) -> None:
        """Go away; the port is kept, or a fake of another test might take it and answer in place of this one."""
        self._loop.post(self._leave)
        self._thread.join(10)

    def give_up_port(self) -> None:
        self._place.close()

    def _leave(self) -> None:
        self._loop.stop()
        self._server.close()
        self._place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._place.bind(("127.0.0.1", self.port))


@contextmanager
def serving(folder: Path) -> Iterator[Serving]:
    served = Serving(folder)
    try:
        yield served
    finally:
        served.stop()
        served.give_up_port()
