"""Bundles as they come from forms and curl: one ZIP and a few fields, spooled to disk, in bounds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, BinaryIO

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from rpc.errors import BadBundle, BadRequest
from rpc.run_spec import MAX_NAME
from web.bundles import Sent, start_bundle, times_of
from web.rest.door import ItsSession
from web.rest.job_models import OVERLAPS, Arguments, Datasets, JobSettings
from web.rest.models import Started, started
from web.rest.names import Key

router = APIRouter(prefix="/jobs", tags=["jobs"])

_MOST_FIELDS = 10
_MOST_FIELD_BYTES = 64 << 10
_TEXTS = {
    "name": "",
    "main_entry": "",
    "requirements_file": "",
    "arguments": "[]",
    "datasets": "{}",
    "settings": "{}",
    "cron": "",
    "cron_tz": "",
    "cron_overlap": "",
}  # fields, and what they are if absent
_JSON: dict[str, TypeAdapter[Any]] = {
    "arguments": TypeAdapter(Arguments),
    "datasets": TypeAdapter(Datasets),
    "settings": TypeAdapter(JobSettings),
}
FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {
                        "file": {"type": "string", "format": "binary", "description": "A ZIP."},
                        "name": {"type": "string", "maxLength": MAX_NAME},
                        "main_entry": {"type": "string", "description": "The program, a path in it; else main.py."},
                        "requirements_file": {"type": "string", "description": "What it needs, a path in it."},
                        "arguments": {"type": "string", "description": "As JSON: a list of texts."},
                        "datasets": {"type": "string", "description": "As JSON: blobs by the names of their folders."},
                        "settings": {"type": "string", "description": "As JSON: the settings of /api/v1/jobs."},
                        "cron": {"type": "string", "maxLength": MAX_NAME, "description": "As of /api/v1/jobs."},
                        "cron_tz": {"type": "string", "maxLength": MAX_NAME},
                        "cron_overlap": {"type": "string", "enum": ["", *OVERLAPS]},
                    },
                }
            }
        },
    }
}


@router.post("/bundle", status_code=201, openapi_extra=FORM)
async def start_bundle_job(
    request: Request, session: ItsSession, response: Response, idempotency_key: Key = ""
) -> Started:
    """Start a job of a ZIP: `file`, `name`, `main_entry`, `requirements_file`, `cron`...; as JSON `arguments`,
    `datasets` and `settings`."""
    async with bundle_of(request, idempotency_key) as (file, sent):
        return started(response, sent.becomes, await run_in_threadpool(start_bundle, session, file, sent))


@asynccontextmanager
async def bundle_of(request: Request, key: str) -> AsyncIterator[tuple[BinaryIO, Sent]]:
    """Yield the one file of a form, on disk, and what was said about it.

    Raises:
        HTTPException: 415, it is no form.
        BadRequest: it has not what it must have, or what it must not have.
        BadBundle: the file is no ZIP.
    """
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise HTTPException(415, "send multipart/form-data with a field `file`, as `curl -F file=@bundle.zip` does")
    form = request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_MOST_FIELD_BYTES)
    async with form as fields:
        file = fields.get("file")
        if not isinstance(file, UploadFile):
            raise BadRequest("file: send the bundle, a ZIP, as a file in this field")
        unknown = sorted({*fields} - {"file", *_TEXTS})
        if unknown or len(fields.multi_items()) > len(fields):
            raise BadRequest(f"the fields are file, {', '.join(_TEXTS)}, once each, not {', '.join(unknown)[:100]!r}")
        texts = {name: fields.get(name, usual) for name, usual in _TEXTS.items()}
        if await file.read(2) != b"PK":
            raise BadBundle(f"{(file.filename or 'it')[:100]!r} is no ZIP; only ZIPs are taken")
        await file.seek(0)
        yield file.file, _sent(file.filename or "", {name: str(text) for name, text in texts.items()}, key)


def _sent(filename: str, texts: dict[str, str], key: str) -> Sent:
    read = {name: _read(name, texts[name]) for name in _JSON}
    settings = read["settings"].said()
    if texts["main_entry"]:
        settings["main"] = texts["main_entry"]
    if key:
        settings["key"] = key
    if texts["cron_overlap"] not in ("", *OVERLAPS):
        raise BadRequest(f"cron_overlap is {' or '.join(OVERLAPS)}, not {texts['cron_overlap'][:50]!r}")
    usual = filename.replace("\\", "/").rpartition("/")[2].removesuffix(".zip")
    named = "".join(each for each in usual if each.isprintable()) or "bundle"
    return Sent(
        name=texts["name"] or named,
        arguments=tuple(read["arguments"]),
        requirements=texts["requirements_file"],
        datasets=read["datasets"],
        settings=settings,
        times=times_of(texts["cron"], texts["cron_tz"], texts["cron_overlap"]),
    )


def _read(name: str, text: str) -> Any:
    """What a field says in JSON; BadRequest: it is not what it must be."""
    try:
        return _JSON[name].validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (name, *first["loc"])))
        raise BadRequest(f"{where[:100]}: {first['msg']}") from error
