"""The result value of a script job: what its program leaves in `out/result.json`, if that is JSON and small."""

from __future__ import annotations

import json
from typing import NoReturn

from rpc.blobs import BlobFolder
from rpc.errors import TrainerError
from rpc.messages import ScriptEnd

FILE = "result.json"
MOST_BYTES = 2000  # it stands in every list of jobs, of which an answer holds a thousand
_READ_BYTES = 64 << 10


def value_of(end: ScriptEnd, blobs: BlobFolder) -> str:
    """Return the value as JSON without line breaks; empty if there is none, or it is too long for one."""
    file = next((each for each in end.artifacts if each.file == FILE), None)
    if file is None or file.size > _READ_BYTES:
        return ""
    try:
        found = json.loads(blobs.checked(file.blob), parse_constant=_refuse)
        text = json.dumps(found, separators=(",", ":"), allow_nan=False)  # in ASCII: any database and page keeps it
    except (ValueError, RecursionError, TrainerError, OSError):  # the file itself is an artifact all the same
        return ""
    return text if len(text) <= MOST_BYTES else ""


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
