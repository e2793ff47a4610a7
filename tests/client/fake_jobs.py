"""What the coordinator of these tests, which runs nothing, knows of one script job."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import SimpleQueue

from rpc.blobs import blob_name
from rpc.errors import NotFound, TrainerError
from rpc.kept_log import Record
from rpc.messages import DataFile, JobDetail, LogPage, Metric, News, ScriptSpec, ScriptUsage, WorkRow
from rpc.server import Caller, Later

JOB_ID = "job-3"
JOB_KEY = "friday"
ARTIFACTS = {"model.bin": b"weights", "plots/loss.txt": b"0.5\n0.25\n"}
RECORDS = (
    Record(1_700_000_001_000, "s", "i", "starts on n1"),
    Record(1_700_000_002_000, "o", "i", "epoch 1\tdone"),
    Record(1_700_000_003_000, "e", "w", "WARNING: slow"),
    Record(1_700_000_004_000, "o", "p", 'PROGRESS: {"loss": 0.5}'),
    Record(1_700_000_005_000, "e", "e", "ERROR: but it went on"),
)
USAGE = ScriptUsage(
    cpu_s=3.25, peak_memory_bytes=64_000_000, peak_disk_bytes=50_000_000, peak_gpu_memory_bytes=2_000_000_000
)
JOB_ROW = WorkRow(
    id=JOB_ID,
    kind="script",
    name="inline",
    state="completed",
    owner="ann",
    submitted_ms=1_700_000_000_000,
    started_ms=1_700_000_001_000,
    ended_ms=1_700_000_063_500,
    usage=USAGE,
)
SCRIPT_SPEC = ScriptSpec(
    "inline", DataFile("bundle.zip", blob_name(b"zip"), 3), env={"TOKEN": "x"}, owner="ann", gpus=1
)
JOB = JobDetail(
    SCRIPT_SPEC,
    node="n1",
    sandbox="bwrap",
    phase="ended",
    attempts=2,
    usage=USAGE,
    artifacts=tuple(DataFile(name, blob_name(data), len(data)) for name, data in ARTIFACTS.items()),
    last_lines=("WARNING: slow", "ERROR: but it went on"),
    log_bytes=200,
)
METRICS = (Metric(1, "loss", 1, 0.5), Metric(2, "loss", 2, 0.25), Metric(3, "accuracy", 2, 0.75))


def log_of(*records: Record) -> bytes:
    return b"".join(record.encoded() for record in records)


@dataclass(kw_only=True)
class FakeJobs:
    """The part of the handler that is about jobs.

    Attributes:
        refusal: what a submission is refused with.
        lost_answers: so many submissions are taken, but never answered.
        log: all of it; `pages` are answered before anything else, whatever is asked for.
        log_is_whole: nothing follows; else a call that waits for more is held for ever.
        log_asked: gets the offset of each call of `logs`.
    """

    refusal: TrainerError | None = None
    lost_answers: int = 0
    job_row: WorkRow = JOB_ROW
    job: JobDetail = JOB
    metrics: tuple[Metric, ...] = METRICS
    log: bytes = log_of(*RECORDS)
    log_is_whole: bool = True
    pages: list[LogPage] = field(default_factory=list)
    log_asked: SimpleQueue[int] = field(default_factory=SimpleQueue)
    scripts: list[ScriptSpec] = field(default_factory=list)

    def is_job(self, name: str) -> bool:
        return name in (JOB_ID, JOB_KEY, self.job_row.id)

    def submit_script(self, caller: Caller, spec: ScriptSpec) -> str | Later:
        if self.refusal is not None:
            raise self.refusal
        self.scripts.append(spec)
        if self.lost_answers:
            self.lost_answers -= 1
            return Later()
        return self.job_row.id

    def logs(self, caller: Caller, id: str, offset: int, limit: int, wait_ms: int) -> LogPage | Later:
        self.log_asked.put(offset)
        if not self.is_job(id):
            raise NotFound(f"no job is called {id!r}")
        if self.pages:
            return self.pages.pop(0)
        end = len(self.log)
        start = max(0, end + offset) if offset < 0 else min(offset, end)
        start = start if self.log[start - 1 : start] in (b"", b"\n") else self.log.index(b"\n", start) + 1
        stop = end if end - start <= limit else self.log.index(b"\n", start + limit - 1) + 1
        if start == end and wait_ms and not self.log_is_whole:
            return Later()
        return LogPage(self.log[start:stop], start, stop, self.log_is_whole and stop == end)

    def list_metrics(self, caller: Caller, id: str, after: int, limit: int) -> tuple[Metric, ...]:
        return tuple(each for each in self.metrics if each.number > after)[:limit]

    def job_news(self, after: int) -> News | Later:
        if after and self.job_row.state == "running":
            return Later()
        return News(self.job_row, last=1)
