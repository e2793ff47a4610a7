"""The Coordinator service: translates the calls of clients, and decides nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from coordinator import views
from coordinator.arrays import check_is_single
from coordinator.branching import branch, checkpoints, run_spec, stored_spec
from coordinator.classic import ClassicCall
from coordinator.core.model import Work
from coordinator.core.saved import SavedRun
from coordinator.data_files import check_here
from coordinator.details import DetailCalls, Details
from coordinator.job_rows import metrics
from coordinator.listing import WorkLists
from coordinator.membership import Member
from coordinator.node_views import node_row, node_rows
from coordinator.permissions import sees_only
from coordinator.plain_view import PlainView
from coordinator.remembering import stored_row
from coordinator.runtime import Runtime
from coordinator.schedules import ScheduleCalls, Schedules
from coordinator.store.rows import StoredWork
from coordinator.submissions import Submissions
from coordinator.tokens import Tokens
from coordinator.verification import verification
from coordinator.webhooks import WebhookCalls
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.errors import BadRequest, NotFound, Refused
from rpc.loop import Loop
from rpc.messages import (
    PART_BYTES,
    PROTOCOL_VERSION,
    Buffer,
    EventQuery,
    Hello,
    HelloReply,
    Join,
    News,
    NodeRow,
    RunSpec,
    ScriptSpec,
    WorkFilter,
    WorkRow,
)
from rpc.program import VERSION
from rpc.run_spec import check_run_spec
from rpc.script_spec import check_script_spec
from rpc.server import Caller, Later, Reversal

_MAX_WAIT_S = 60.0  # of one long poll


class CoordinatorHandler(DetailCalls, WebhookCalls, ScheduleCalls):
    """What each call does. All methods run on the loop's thread; files and the store are read and written on others.

    A long upload or a long question must not hold up a short one: each kind has threads of its own.
    """

    def __init__(
        self, loop: Loop, runtime: Runtime, blobs: BlobFolder, data_root: Path, tokens: Tokens, *, store: str
    ) -> None:
        """`store` is the name and version of the database."""
        WebhookCalls.__init__(self, runtime.webhooks)
        self._runtime = runtime
        self._blobs = blobs
        self._files = Aside(loop, 1, "files")
        self._lookups = Aside(loop, 1, "lookups")  # a page, or one row: milliseconds
        self._questions = Aside(loop, 3, "questions")
        DetailCalls.__init__(self, Details(runtime, self._questions, self._stored))
        self._lists = WorkLists(runtime, self._lookups)
        self._submissions = Submissions(runtime, self._lookups, loop)
        submit = self._submissions.submit_script
        schedules = Schedules(loop, runtime.when_remembered, submit, runtime.dispatcher, holds=tokens.holds)
        ScheduleCalls.__init__(self, schedules, self._check_job)
        self._classic = ClassicCall(runtime, self._submissions, self._files, blobs=blobs, data_root=data_root)
        self._view = PlainView(runtime, self._lookups, self._questions, store=store)

    def close(self) -> None:
        for threads in (self._files, self._lookups, self._questions):
            threads.close()

    def hello(self, caller: Caller, hello: Hello) -> HelloReply:
        """Welcome a client, or a node that is going to join.

        Raises:
            Refused: another coordinator has this address in its list of nodes.
        """
        if hello.role == "coordinator":
            raise Refused("this is a coordinator; the list of nodes must name compute nodes only")
        return HelloReply(protocol=PROTOCOL_VERSION, name="coordinator", version=VERSION)

    def train(self, caller: Caller, dir: str, rounds: int, epochs: int, h: int, k: int, eta: float) -> Later:
        """The classic call: trains to the end, answers with the validation error. Who hangs up cancels."""
        return self._classic.train(caller, dir, rounds, epochs, h, k, eta)

    def submit_run(self, caller: Caller, spec: RunSpec) -> Later:
        """Start a run on data that was put as blobs before; answered once a restart would go on with it.

        Raises:
            BadRequest: a setting is outside what is allowed, or the round to branch from is not stored.
            NotFound: a blob of the data, or the run to branch from, is not here.
        """
        check_run_spec(spec)
        if spec.verifies:
            raise BadRequest("a run that verifies another one is started by verify_run")
        if not spec.shards:
            raise BadRequest("a run needs at least one training shard")
        check_here((*spec.shards, spec.validation), self._blobs, "run")
        if not spec.parent:
            return self._submissions.submit(spec)
        answer = Later()

        def submit(found: tuple[RunSpec, SavedRun] | None, error: Exception | None) -> None:
            if found is None:
                answer.fail(error or RuntimeError("no parent and no error"))
            else:
                answer.follow(self._submissions.submit(*found))

        self._files.later(lambda: branch(spec, self._runtime.reader, self._blobs)).then(submit)
        return answer

    def verify_run(self, caller: Caller, id: str, sample: float, seed: int, key: str | None = None) -> Later:
        """Start a run that repeats another one and compares digests; answered as `submit_run`.

        Raises:
            BadRequest: it cannot be repeated, or the sample is none.
            Refused: no node computes the same bits.
        """
        answer = Later()

        def submit(found: tuple[RunSpec, SavedRun] | None, error: Exception | None) -> None:
            if found is None:
                answer.fail(error or RuntimeError("no run and no error"))
            else:
                answer.follow(self._submissions.submit(*found))

        self._questions.later(lambda: verification(id, sample, seed, self._runtime.reader, key=key or "")).then(submit)
        return answer

    def submit_script(self, caller: Caller, spec: ScriptSpec) -> Later:
        """Start a script job whose files were put as blobs before; answered once a restart would go on with it.

        Raises:
            BadRequest: a setting is outside what is allowed.
            NotFound: one of its files is not here.
        """
        self._check_job(spec)
        return self._submissions.submit_script(spec, sees_only(caller))

    def _check_job(self, spec: ScriptSpec) -> None:
        check_script_spec(spec)
        check_here((spec.bundle, *spec.datasets), self._blobs, "job")

    def logs(self, caller: Caller, id: str, offset: int, limit: int, wait_ms: int) -> Later:
        """A piece of a script job's log; see `JobDesk.page`."""
        check_is_single(self._runtime.dispatcher.work.get(id))
        return self._runtime.desk.page(id, offset, limit, wait_ms / 1000.0)

    def list_metrics(self, caller: Caller, id: str, after: int, limit: int) -> Later:
        """What a script job told of itself, after a metric's number."""
        return self._questions.later(lambda: metrics(self._runtime.reader, id, after, limit))

    def get_spec(self, caller: Caller, id: str) -> RunSpec | Later:
        """What a run was asked to do."""
        work = self._runtime.dispatcher.work.get(id)
        if work is not None:
            return run_spec(work)
        return self._questions.later(lambda: stored_spec(self._stored(id), self._runtime.reader))

    def list_checkpoints(self, caller: Caller, id: str) -> Later:
        """The rounds of a run that can be branched from."""
        return self._questions.later(lambda: checkpoints(self._stored(id), self._runtime.reader))

    def list_work(self, caller: Caller) -> Later:
        """The latest work, newest first."""
        return self._lists.latest(sees_only(caller))

    def page_work(self, caller: Caller, filter: WorkFilter) -> Later:
        """Work that the filter lets through, newest first."""
        return self._lists.page(filter, sees_only(caller))

    def find_work(self, caller: Caller, name: str) -> WorkRow | Later:
        """The work that a person calls so."""
        return self._lists.find(name, sees_only(caller))

    def cancel_work(self, caller: Caller, id: str, reason: str) -> Later:
        """Cancel a work; answered once that is committed."""
        work, arrays = self._runtime.dispatcher.work.get(id), self._runtime.arrays
        if work is None and arrays.is_coming(id):
            return arrays.when_here(lambda: self.cancel_work(caller, id, reason))
        if work is None:
            return self._lookups.later(lambda: stored_row(self._stored(id)))
        later = Later()
        if work.is_remembered:
            later.resolve(self._row(work))
        else:
            self._runtime.endings.wait(id, lambda ended: later.resolve(self._row(ended)))
            self._runtime.cancel(id, reason or f"cancelled by {caller.peer}")
        return later

    def remove_work(self, caller: Caller, ids: tuple[str, ...]) -> Later:
        """Forget ended work with all that is stored of it; answered with what it was, once that is committed.

        Raises:
            BadRequest: something of it has not ended, or is needed, or it is too much at once.
            NotFound: something of it is not known.
        """
        return self._lists.remove(ids)

    def watch(self, caller: Caller, id: str, after: int, wait_ms: int) -> Later | News:
        """News of a work: at once if there is any after event `after`, else when there is or the time is over."""
        work, journal = self._runtime.dispatcher.work.get(id), self._runtime.journal
        if work is None or journal.lacks(id, after):
            row = None if work is None else self._row(work)
            return self._questions.later(lambda: self._stored_news(id, after, row))
        if work.is_remembered or journal.has_news(id, after) or wait_ms <= 0:
            return self._news(work, after)
        later = Later()
        wait_s = min(_MAX_WAIT_S, wait_ms / 1000.0)
        journal.wait(id, wait_s, lambda: later.resolve(self._news(work, after)))
        return later

    def overview(self, caller: Caller) -> Later:
        rows = self._lists.latest(sees_only(caller))
        return rows.turned(lambda rows: replace(self._view.overview(), work=rows))

    def list_nodes(self, caller: Caller) -> tuple[NodeRow, ...]:
        """All nodes, also those that somebody removed."""
        runtime = self._runtime
        return node_rows(runtime.membership.everyone, runtime.dispatcher.pool, runtime.clock)

    def add_node(self, caller: Caller, address: str) -> Later:
        """Dial a node from now on; answered once a restart would."""
        return self._when_remembered(self._runtime.membership.add(address))

    def order_node(self, caller: Caller, node: str, order: str, reason: str) -> Later:
        """Drain, resume, remove or readmit a node; answered once a restart would know."""
        return self._when_remembered(self._runtime.membership.order(node, order, reason))

    def join(self, caller: Caller, join: Join) -> Reversal | Later:
        """Take over a connection that a node offers; from the answer on this side calls on it.

        Raises:
            BadRequest, Refused: the caller is not the node that it says to be, or was removed.
        """
        if caller.hello is None or caller.hello.role != "node":
            raise Refused("only nodes join; say so in hello")
        return self._runtime.membership.join(join)

    def put_blob(self, caller: Caller, name: str, size: int, offset: int, data: Buffer) -> Later:
        return self._files.later(lambda: self._blobs.put(name, size, offset, data))

    def get_blob(self, caller: Caller, name: str, offset: int, length: int) -> Later:
        return self._files.later(lambda: self._blobs.get(name, offset, min(length, PART_BYTES)))

    def glance(self, caller: Caller, runs: int) -> Later:
        return self._view.glance(runs, sees_only(caller))

    def list_events(self, caller: Caller, query: EventQuery) -> Later:
        return self._view.events(query, sees_only(caller))

    def why(self, caller: Caller, kind: str, id: str) -> Later:
        return self._view.why(kind, id, sees_only(caller))

    def list_attempts(self, caller: Caller, id: str, first_round: int, last_round: int) -> Later:
        return self._view.attempts(id, first_round, last_round)

    def _row(self, work: Work) -> WorkRow:
        return views.shown_row(self._runtime.dispatcher, work, self._runtime.clock)

    def _stored(self, work_id: str) -> StoredWork:
        """A work of before this start; on a thread."""
        work = self._runtime.reader.work(work_id)
        if work is None:
            raise NotFound(f"no run is called {work_id!r}; `client.py runs list` lists them")
        return work

    def _when_remembered(self, member: Member) -> Later:
        later = Later()
        self._runtime.when_remembered(lambda: later.resolve(self._node_row(member)))
        return later

    def _node_row(self, member: Member) -> NodeRow:
        return node_row(member, self._runtime.dispatcher.pool, self._runtime.clock)

    def _stored_news(self, work_id: str, after: int, row: WorkRow | None) -> News:
        """News from before this start; on a thread."""
        row = row or stored_row(self._stored(work_id))
        events = self._runtime.reader.events(work_id, after=after)
        return News(row, events, events[-1].number if events else after)

    def _news(self, work: Work, after: int) -> News:
        events = self._runtime.journal.since(work.id, after)
        return News(self._row(work), events, events[-1].number if events else after, views.activities(work))
