"""What runs, jobs and blobs are called in a path, and the work that is meant."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query

from rpc.errors import NotFound
from rpc.messages import WorkRow
from rpc.run_spec import MAX_NAME
from web.door import Door

PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
RUNS, JOBS = ("run", "verify"), ("script", "array")  # kinds of work
_NOUNS = {"run": "run", "verify": "run", "script": "job", "array": "job"}

WorkName = Annotated[
    str,
    Path(min_length=1, max_length=MAX_NAME, pattern=PRINTABLE, description="Its id, the beginning of it, or its key."),
]
Owner = Annotated[str, Query(max_length=MAX_NAME, pattern=PRINTABLE, description="Only of this owner; empty: of any.")]
BlobName = Annotated[str, Path(pattern=r"^sha256:[0-9a-f]{64}$", description="`sha256:` and the hash of its bytes.")]
Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=MAX_NAME,
        pattern=r"^[ -~]*$",
        description="A second request of an owner with the same key starts nothing, but is answered as the first.",
    ),
]


async def find(door: Door, name: str, kinds: tuple[str, ...]) -> WorkRow:
    """Return the run or job that is called so.

    Raises:
        NotFound: there is none, or it is of the other kind.
        BadRequest: there are several.
    """
    row: WorkRow = await door.call("find_work", name)
    if row.kind not in kinds:
        noun, wanted = _NOUNS.get(row.kind, row.kind), _NOUNS[kinds[0]]
        raise NotFound(f"{row.id} is no {wanted} but a {noun}: ask for /api/v1/{noun}s/{row.id}")
    return row
