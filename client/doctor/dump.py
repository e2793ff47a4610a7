"""One ZIP for a bug report: what there is and how it stands, but no secrets, and nothing that users wrote."""

from __future__ import annotations

import json
import locale
import os
import platform
import sys
import time
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, is_dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import psutil

from client.doctor.here import packages
from client.doctor.reaching import Way
from client.doctor.redaction import Redaction, secrets_in, variables
from client.doctor.settings import settings
from client.link import Link
from client.servers import known_server
from client.times import moment
from client.work_pages import newest_work
from rpc.errors import BadRequest, TrainerError
from rpc.findings import Finding
from rpc.messages import EventQuery, WorkFilter
from rpc.program import VERSION

_LOG_BYTES = 1 << 20
_WORKS, _EVENTS = 200, 1000
# Of runs and jobs: what users wrote, or are called by.
_OF_USERS = frozenset({"name", "owner", "key", "arguments", "env"})
_README = """\
A debug dump of Roundhouse {version}, made {when}.

findings.json      what `client.py doctor` found
program.json       Python, packages, machine, our variables; the settings of the client, and where each comes from
coordinator.json   how the coordinator stands, its counters, its nodes
queue.json         runs and jobs that wait or run
work.json          the newest runs and jobs, as a list shows them
events.json        the newest events
logs/              the ends of logs that were given with --log

Left out: tokens, passwords, keys; names, owners, programs, arguments, variables and logs of runs and jobs.
"""


def dump_file(out: Path | None) -> Path:
    """Return where a dump is to be.

    Raises:
        BadRequest: there is such a file already.
    """
    path = out or Path(time.strftime("roundhouse-debug-%Y%m%d-%H%M%S.zip"))
    if path.exists():
        raise BadRequest(f"--out {path}: File exists; choose another name")
    return path


def ends_of(logs: Sequence[Path]) -> dict[str, str]:
    """Return the ends of logs by their names in a dump; raises BadRequest if one cannot be read."""
    return {f"logs/{number}-{log.name}": _end_of(log) for number, log in enumerate(logs, 1)}


def write_dump(
    path: Path, found: Mapping[str, Sequence[Finding]], way: Way, *, logs: Mapping[str, str]
) -> Sequence[str]:
    """Write the ZIP, which its owner alone may read; return what is in it.

    Raises:
        BadRequest: there is such a file already, or it cannot be written.
    """
    redaction = Redaction(_secrets(way))
    texts = {f"{name}.json": json.dumps(redaction.of_all(_plain(each)), indent=1) for name, each in _parts(found, way)}
    texts = {"README.txt": _README.format(version=VERSION, when=moment(round(1000 * time.time())))} | texts
    texts |= {redaction.of(name): redaction.of(text) for name, text in logs.items()}
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in texts.items():
            file.writestr(name, text)
    _write(path, packed.getvalue())
    return list(texts)


def _write(path: Path, data: bytes) -> None:
    try:
        # Never another's file, and nobody else's from its beginning on.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
    except OSError as error:
        raise BadRequest(f"--out {path}: {error.strerror}; choose another name") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        path.unlink()
        raise BadRequest(f"--out {path}: {error.strerror}; choose another place") from error


def _parts(found: Mapping[str, Sequence[Finding]], way: Way) -> Iterator[tuple[str, Any]]:
    yield "findings", found
    yield "program", _program(way)
    if way.overview is None:
        yield "coordinator", {"fault": "it could not be asked; findings.json says why"}
        return
    yield "coordinator", _without(asdict(way.overview), {"work", "activities"})
    link = way.link()
    try:
        waiting = WorkFilter(states=("pending", "running"))
        yield "queue", _told(lambda: _works(link, waiting))
        yield "work", _told(lambda: _works(link, WorkFilter(with_members=True)))
        yield "events", _told(lambda: link.call("list_events", EventQuery(limit=_EVENTS, newest=True)))
    finally:
        link.close()


def _works(link: Link, wanted: WorkFilter) -> list[dict[str, Any]]:
    return [_without(asdict(row), _OF_USERS) for row in newest_work(link, _WORKS, wanted)]


def _program(way: Way) -> dict[str, Any]:
    memory = psutil.virtual_memory()
    return {
        "version": VERSION,
        "python": sys.version,
        "platform": platform.platform(),
        "locale": locale.setlocale(locale.LC_CTYPE),
        "cores": psutil.cpu_count(),
        "memory_bytes": memory.total,
        "memory_available_bytes": memory.available,
        "packages": packages(),
        "variables": variables(os.environ),
        "settings": list(settings(way.args, way.address, way.access.token if way.access else "")),
    }


def _told(ask: Callable[[], Any]) -> Any:
    """What the coordinator answers, or why it does not."""
    try:
        return ask()
    except TrainerError as error:
        return {"fault": str(error)}


def _plain(value: Any) -> Any:
    """As JSON has it."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return value if value is None or isinstance(value, str | bool | int | float) else str(value)


def _without(row: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: each for name, each in row.items() if name not in names}


def _secrets(way: Way) -> Iterator[str]:
    """What is known here that nobody else may know."""
    yield from secrets_in(os.environ)
    if way.access is not None:
        yield way.access.token
    with suppress(TrainerError):
        yield known_server(way.address).token


def _end_of(log: Path) -> str:
    """From the beginning of a line on: half a secret would be taken for none."""
    try:
        # Whatever else there is, as a pipe, may never end.
        if not log.is_file():
            raise BadRequest(f"--log {log}: no such file; name one that can be read")
        with log.open("rb") as file:
            begins_at = max(0, log.stat().st_size - _LOG_BYTES)
            file.seek(begins_at)
            data = file.read(_LOG_BYTES)
    except OSError as error:
        raise BadRequest(f"--log {log}: {error.strerror}; name a file that can be read") from error
    return (data.partition(b"\n")[2] if begins_at else data).decode("utf-8", "replace")
