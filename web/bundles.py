"""Programs that came over HTTP, made into jobs or into schedules of them; on a thread."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfileobj
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO

from client.api import Session
from client.job_files import Package
from client.job_settings import Program, spec_of
from rpc.errors import BadRequest
from rpc.messages import ScriptSpec

_COPIED_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Times:
    """When a job is started again and again. Attributes: cron, five fields or a name such as `@daily`; zone, theirs."""

    cron: str
    zone: str
    overlaps: bool


@dataclass(frozen=True, kw_only=True)
class Sent:
    """What somebody has sent, beside the program itself.

    Attributes:
        settings: those of client.job_settings that were said.
        datasets: names of blobs, by their names for the job. Never a path: that would be one of this machine.
        times: None: now, and once.
    """

    name: str = ""
    arguments: tuple[str, ...] = ()
    requirements: str = ""
    datasets: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    times: Times | None = None

    @property
    def becomes(self) -> str:
        """What is made of it: the part of a path in which it is found."""
        return "schedules" if self.times else "jobs"


def times_of(cron: str, zone: str, overlap: str) -> Times | None:
    """Return when a job is to be started, of what was said; BadRequest: the rest goes with `cron` alone."""
    if cron:
        return Times(cron, zone or "UTC", overlap == "allow")
    if zone or overlap:
        raise BadRequest("cron_tz and cron_overlap go with cron")
    return None


def start_code(session: Session, code: str, sent: Sent) -> str:
    """Start a job that somebody has typed, with what it requires as the text of a file; return its id.

    Raises:
        BadRequest, BadBundle, Refused: as `Session.submit_script`.
    """
    with TemporaryDirectory(prefix="roundhouse-") as folder:
        needs = Path(folder, "requirements.txt")
        needs.write_text(sent.requirements, encoding="utf-8")
        named = str(needs) if sent.requirements else ""
        return _start(session, Program(code=code, requirements=named, datasets=sent.datasets), sent)


def start_bundle(session: Session, bundle: BinaryIO, sent: Sent) -> str:
    """Start a job of a ZIP, with the path in it of a file of what it requires; return its id.

    Raises:
        BadRequest, BadBundle, Refused: as `Session.submit_script`.
    """
    with TemporaryDirectory(prefix="roundhouse-") as folder:
        path = Path(folder, "bundle.zip")
        with path.open("wb") as out:
            copyfileobj(bundle, out, _COPIED_BYTES)
        return _start(session, Program(bundle=path, requirements=sent.requirements, datasets=sent.datasets), sent)


def _start(session: Session, program: Program, sent: Sent) -> str:
    spec: ScriptSpec = spec_of(program, name=sent.name, arguments=sent.arguments, **sent.settings)
    with Package(program, spec) as package:
        packed = session.send_package(package)
        if sent.times is None:
            return session.start_script(packed).id
        return session.add_schedule(packed, sent.times.cron, zone=sent.times.zone, overlaps=sent.times.overlaps).id
