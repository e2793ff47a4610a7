"""Script jobs as JSON: what may be asked for, and what is told of one."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, FailFast, Field

from rpc.messages import SANDBOXES, JobDetail, WorkRow
from rpc.run_spec import MAX_FILE_NAME, MAX_PRIORITY
from rpc.script_spec import MOST_AFTER, NETWORKS
from web.rest.models import BlobText, Labels, Strict, Text, at_most, one_of
from web.rest.names import PRINTABLE

MAX_CODE = 1_000_000  # characters
OVERLAPS = ("skip", "allow")
_FileText = Annotated[str, Field(max_length=MAX_FILE_NAME, pattern=PRINTABLE)]
_Bytes = Annotated[int, Field(ge=0, le=1 << 50)]
_Variable = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=1000)]
_DatasetName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,99}$")]
_Word = Annotated[str, Field(max_length=32 << 10, pattern=r"^[^\x00]*$")]
Arguments = Annotated[list[_Word], Field(max_length=1000), FailFast()]
Datasets = Annotated[dict[_DatasetName, BlobText], Field(max_length=100), at_most(100)]


class JobSettings(Strict):
    """The optional settings; what is left out is as docs/jobs.md says, or as the node has it."""

    env: Annotated[dict[_Variable, _Word], Field(max_length=1000), at_most(1000)] = Field(default_factory=dict)
    timeout_s: Annotated[float, Field(ge=0, le=1e9)] = 0.0
    memory_bytes: _Bytes = 0
    cpus: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    gpus: Annotated[int, Field(ge=0, le=1024)] = 0
    pids: Annotated[int, Field(ge=0, le=1 << 22)] = 0
    disk_bytes: _Bytes = 0
    network: Annotated[str, one_of(*NETWORKS)] = "none"
    sandbox: Annotated[str, one_of("", *SANDBOXES)] = ""
    image: _FileText = ""
    select: Labels = Field(default_factory=dict)
    priority: Annotated[int, Field(ge=-MAX_PRIORITY, le=MAX_PRIORITY)] = 0
    owner: Text = ""
    retries: Annotated[int, Field(ge=0, le=1000)] = 3
    force_queue: bool = False
    after: Annotated[list[_FileText], Field(max_length=MOST_AFTER), FailFast()] = Field(default_factory=list)
    array: Annotated[str, Field(max_length=MAX_FILE_NAME, pattern=r"^[0-9,:%-]*$")] = ""

    def said(self) -> dict[str, Any]:
        """Those that were said."""
        told = self.model_dump(exclude_unset=True)
        return told | ({"after": tuple(self.after)} if self.after else {})


class NewJob(Strict):
    """A Python program to be run on a node.

    Attributes:
        code: the program.
        requirements: what it needs, as lines of a requirements.txt.
        datasets: blobs by their names; the program finds each, a ZIP, unpacked as `data/NAME`.
        cron: when it is started again and again, as `*/15 6-18 * * 1-5` or `@daily`; empty: now, and once.
        cron_tz: the time zone of these times, as `Europe/Berlin`; empty: UTC.
        cron_overlap: whether it starts also while the one before still runs; empty: skip.
    """

    code: Annotated[str, Field(min_length=1, max_length=MAX_CODE)]
    name: Text = ""
    arguments: Arguments = Field(default_factory=list)
    requirements: Annotated[str, Field(max_length=MAX_CODE)] = ""
    datasets: Datasets = Field(default_factory=dict)
    settings: JobSettings = JobSettings()
    cron: Text = ""
    cron_tz: Text = ""
    cron_overlap: Annotated[str, one_of("", *OVERLAPS)] = ""


class JobShown(BaseModel):
    """All that is known of a job but its log and its metrics.

    Attributes:
        failures: of an array: the first of its jobs that failed.
    """

    row: WorkRow
    job: JobDetail
    failures: list[WorkRow] = Field(default_factory=list)


class Artifact(BaseModel):
    """Something that a job has left in `out/`; `number` is what it is asked for by."""

    number: int
    name: str
    size_bytes: int
    sha256: str


class Line(BaseModel):
    """One line of a log. Attributes: next_offset, where to go on after it, in bytes."""

    next_offset: int
    at_ms: int
    stream: str
    level: str
    text: str


class LogPart(BaseModel):
    """Attributes: start, where it begins; next_offset, where to go on; is_whole: the job is over, nothing follows."""

    lines: list[Line]
    start: int
    next_offset: int
    is_whole: bool
