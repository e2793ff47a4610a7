"""The Python API: connect to a coordinator, submit runs and jobs, look around."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, TypeAlias, Unpack

from client.access import access_to
from client.arrays import check_array, check_single, retry_failed
from client.cancelling import cancel, cancel_all
from client.job_files import Package
from client.job_settings import JobSettings, Program, spec_of
from client.jobs import ARRAY, SCRIPT, Job, JobResult, submit_script
from client.link import Link, default_server, parse_server, told_server
from client.models import Model
from client.operating import Operating
from client.results import COMPLETED, Result
from client.runs import Run, submit
from client.settings import Settings, make_spec
from client.upload import OnSent, find_data, upload
from client.work_pages import find_work, newest_work
from mlcore.shards import Dataset
from rpc.errors import BadRequest, NotFound
from rpc.messages import (
    EventPage,
    EventQuery,
    Overview,
    RunSpec,
    ScriptSpec,
    Why,
    WorkDetail,
    WorkFilter,
    WorkRow,
)
from rpc.trust import Trust

_RUNS = ("run", "verify")  # kinds of work

Kind: TypeAlias = Literal["run", "job", "task", "node"]  # of what there is a why

__all__ = ["Job", "JobResult", "JobSettings", "Model", "Result", "Run", "Session", "Settings", "Trust", "connect"]


def connect(
    server: str | None = None,
    *,
    token_file: str | os.PathLike[str] | None = None,
    trust: Trust | None = None,
    timeout_s: float = 30.0,
) -> Session:
    """Return a session with the coordinator at `HOST:PORT` (or of ROUNDHOUSE_SERVER, the last `login`, localhost:9095).

    Args:
        token_file: has the token by which the coordinator knows who asks (default: as variables or `login` say).
        trust: by whom it is vouched for, inside TLS: `Trust(ca=FILE)` or `Trust(fingerprint=HEX)` (default: likewise).
        timeout_s: how long the coordinator may take to answer a call.

    Raises:
        Unreachable: nobody serves there.
        Refused: the coordinator speaks another version of the protocol, or wants another token.
    """
    host, port = parse_server(server or told_server(default_server()))
    access = access_to(host, port, Path(token_file) if token_file is not None else None, trust)
    link = Link(host, port, timeout_s=timeout_s, access=access)
    link.open()
    return Session(link)


class Session(Operating):
    """A connection to one coordinator; a context manager. Not for several threads at once."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def server(self) -> str:
        """`HOST:PORT` of the coordinator."""
        return str(self._link)

    def close(self) -> None:
        """End the connection; runs go on."""
        self._link.close()

    def submit(
        self,
        directory: str | os.PathLike[str],
        *,
        rounds: int,
        epochs: int,
        hidden: int | Sequence[int],
        eta: float,
        **settings: Unpack[Settings],
    ) -> Run:
        """Send the data of a folder of this machine and start a training run on it.

        Args:
            directory: holds `train_<name><N>.txt`, one file per shard, and one `validate_<name>.txt`.
            rounds: how often the nodes' work is averaged.
            epochs: passes over each shard per round.
            hidden: units of the hidden layer, or of each of several.
            eta: learning rate.

        Raises:
            BadRequest: a value makes no sense.
            BadData: the folder does not hold such data.
        """
        folder = Path(directory)
        spec = make_spec(folder, rounds=rounds, epochs=epochs, hidden=hidden, eta=eta, **settings)
        return self.start(self.send_data(spec, find_data(folder)))

    def send_data(self, spec: RunSpec, dataset: Dataset, on_sent: OnSent = lambda have, total: None) -> RunSpec:
        """Make the coordinator hold the files of `dataset`; return `spec` with them filled in."""
        *shards, validation = upload(self._link, dataset, on_sent)
        return replace(spec, shards=tuple(shards), validation=validation)

    def start(self, spec: RunSpec) -> Run:
        """Start a run whose data the coordinator holds."""
        return submit(self._link, spec)

    def run(self, name: str) -> Run:
        """Return a run that was submitted before, from here or elsewhere.

        Args:
            name: its id or the beginning of it, its key, or `latest` for the newest run.

        Raises:
            NotFound: there is none.
            BadRequest: there are several.
        """
        row: WorkRow = self._link.call_again("find_work", name)
        return Run(self._link, row.id)

    def runs(self, *, limit: int = 100, states: Sequence[str] = (), owner: str = "") -> tuple[WorkRow, ...]:
        """Return the newest runs that the coordinator knows, the newest first.

        Args:
            limit: how many, at most.
            states: only those in one of them: pending, running, completed, failed, cancelled.
            owner: only those of one owner.
        """
        return newest_work(self._link, limit, WorkFilter(tuple(states), owner, kinds=_RUNS))

    def remove_runs(self, names: Sequence[str]) -> tuple[WorkRow, ...]:
        """Forget runs or jobs that have ended, all or none, with all that is kept of them; return what they were.

        Raises:
            NotFound: there is no such work.
            BadRequest: one has not ended, or is being verified.
        """
        rows: tuple[WorkRow, ...] = self._link.call("remove_work", tuple(self.run(name).id for name in names))
        return rows

    def models(self, *, limit: int = 100) -> tuple[WorkDetail, ...]:
        """Return the newest completed runs, the newest first, with what is known of their models."""
        completed = newest_work(self._link, limit, WorkFilter((COMPLETED,), kinds=("run",)))
        return tuple(Run(self._link, row.id).detail() for row in completed)

    def submit_script(
        self,
        bundle: str | os.PathLike[str] | None = None,
        *,
        code: str | None = None,
        requirements: str | os.PathLike[str] | None = None,
        datasets: Mapping[str, str | os.PathLike[str]] | None = None,
        name: str = "",
        arguments: Sequence[str] = (),
        **settings: Unpack[JobSettings],
    ) -> Job:
        """Send a Python program of this machine and start it on a node.

        Args:
            bundle: a folder or ZIP with the program.
            code: the program itself, in place of a bundle.
            requirements: the file that lists them: a path in the bundle; with code, a file of this machine.
            datasets: by their names folders or ZIPs of this machine, or blobs (`sha256:...`) that the coordinator
                holds; the program finds each as `data/NAME`.

        Raises:
            BadRequest: a value makes no sense.
            BadBundle: no node would take the bundle.
            Refused: no node that is known could ever run it.
        """
        if (bundle is None) == (code is None):
            raise BadRequest("a job is a bundle or code: give one of them")
        program = Program(
            bundle=None if bundle is None else Path(bundle),
            code=code or "",
            requirements=os.fspath(requirements or ""),
            datasets=datasets or {},
        )
        with Package(program, spec_of(program, name=name, arguments=arguments, **settings)) as package:
            return self.start_script(self.send_package(package))

    def send_package(self, package: Package, on_sent: OnSent = lambda have, total: None) -> ScriptSpec:
        """Make the coordinator hold the files of a job; return its specification with them filled in."""
        return package.send(self._link, on_sent)

    def start_script(self, spec: ScriptSpec) -> Job:
        """Start a job whose files the coordinator holds."""
        return submit_script(self._link, spec)

    def job(self, name: str) -> Job:
        """Return a script job, or an array of them, that was submitted before, from here or elsewhere.

        Args:
            name: its id or the beginning of it, its key, or `latest` for the newest job; ARRAY/INDEX for one of an
                array.

        Raises:
            NotFound: there is none.
            BadRequest: there are several.
        """
        return Job(self._link, self._find_job(name).id)

    def single_job(self, name: str) -> Job:
        """As `job`; BadRequest for an array, of which one job must be named."""
        return Job(self._link, check_single(self._find_job(name)))

    def jobs(
        self,
        *,
        limit: int = 100,
        states: Sequence[str] = (),
        owner: str = "",
        array: str = "",
        with_members: bool = False,
    ) -> tuple[WorkRow, ...]:
        """Return the newest script jobs and arrays, the newest first; the other arguments are those of `runs`.

        Args:
            array: only the jobs of this array.
            with_members: also those of all arrays.
        """
        array_id = check_array(self._find_job(array)) if array else ""
        wanted = WorkFilter(tuple(states), owner, kinds=(SCRIPT, ARRAY), array_id=array_id, with_members=with_members)
        return newest_work(self._link, limit, wanted)

    def retry(self, name: str, key: str = "") -> Job:
        """Submit a job anew; of an array, those of its jobs that failed. With a key, once."""
        row = self._find_job(name)
        job = Job(self._link, row.id)
        return retry_failed(self._link, job.detail(), key) if row.kind == ARRAY else job.retry(key)

    def cancel(self, name: str, reason: str = "by the client") -> WorkRow:
        """Ask for the end of a run or job, `latest` being the newest of both; return how it stands after that.

        Raises:
            NotFound: there is none.
            BadRequest: there are several.
        """
        return cancel(self._link, find_work(self._link, name), reason)

    def cancel_jobs(self, names: Sequence[str], reason: str = "by the client") -> list[WorkRow]:
        """Ask for the end of jobs, all or none; return how they stand once their programs have ended."""
        return cancel_all(self._link, [self.job(name).id for name in names], reason)

    def _find_job(self, name: str) -> WorkRow:
        if name == "latest":
            newest = self.jobs(limit=1)
            if not newest:
                raise NotFound("there is no job yet")
            return newest[0]
        row: WorkRow = self._link.call_again("find_work", name)
        return row

    def glance(self, runs: int = 10) -> Overview:
        """Return the nodes, and up to so many runs of each: running, waiting in the order of the queue, ended."""
        overview: Overview = self._link.call_again("glance", runs)
        return overview

    def events(self, query: EventQuery | None = None) -> EventPage:
        """Return what happened: the newest of what is asked for, or what came after `query.after`."""
        page: EventPage = self._link.call_again("list_events", query or EventQuery())
        return page

    def why(self, kind: Kind, name: str) -> Why:
        """Return why a run, job, task (RUN/ROUND/SHARD) or node is as it is.

        Raises:
            NotFound: nothing is called so; says what is called nearly so.
        """
        answer: Why = self._link.call_again("why", kind, name)
        return answer

    def status(self) -> Overview:
        """Return the coordinator's nodes and runs."""
        overview: Overview = self._link.call_again("overview")
        return overview
