"""The work that people mean by a name: read from the store, on a thread."""

from __future__ import annotations

from difflib import get_close_matches

from coordinator.core.arrays import ScriptArray, member_id
from coordinator.core.scripting import ScriptJob
from coordinator.store.reading import Reader
from coordinator.store.rows import StoredWork
from rpc.errors import BadRequest, NotFound, TrainerError
from rpc.messages import ScriptSpec

LATEST = "latest"  # what people call the newest run, or job
_NAMED = 5  # candidates that are named where a name fits several
_KNOWN = 1_000  # ids and keys among which a like one is looked for


def found_by(name: str, reader: Reader, *, kind: str = "run", owner: str | None = None) -> StoredWork:
    """The one work with this id, key or beginning of an id, or a member of it, as NAME/INDEX.

    Args:
        kind: of the latest.
        owner: whose works alone are looked at; None: all.

    Raises:
        NotFound: there is none.
        BadRequest: there are several.
    """
    if name == LATEST:
        kinds = (kind, ScriptArray.kind) if kind == ScriptJob.kind else (kind,)  # no verification
        found = reader.work_page(kinds=kinds, limit=1, owner=owner)
        if not found:
            raise NotFound(f"there is no {'job' if kind == ScriptJob.kind else kind} yet")
    else:
        exact = reader.work(name)
        is_theirs = exact is not None and owner in (None, exact.owner)
        found = (exact,) if is_theirs and exact else reader.work_called(name, limit=_NAMED + 1, owner=owner)
    if len(found) == 1:
        return found[0]
    array, slash, index = name.rpartition("/")
    if not found and slash and index.isascii() and index.isdigit():
        return known(member_id(found_by(array, reader, kind=ScriptJob.kind, owner=owner).id, int(index)), reader)
    raise _no_such_work(name, reader, owner) if not found else _several(name, found)


def known(work_id: str, reader: Reader) -> StoredWork:
    """The work with this id."""
    work = reader.work(work_id)
    if work is None:
        raise _no_such_work(work_id, reader)
    return work


def ids_of(spec: ScriptSpec, reader: Reader, owner: str | None) -> tuple[str, ...]:
    """What a job comes after, by ids, each once, `JOB:any` or `JOB`; a key is the owner's own, if it has such a one.

    With `owner` it can come after the works of that one alone.

    Raises:
        NotFound, BadRequest: one of them is no name of a work.
    """
    any_end: dict[str, bool] = {}
    for name, is_any in spec.predecessors:
        work = reader.work_by_key(spec.owner, name) or _predecessor(name, reader, owner)
        any_end[work.id] = is_any and any_end.get(work.id, True)
    return tuple(f"{work_id}:any" if is_any else work_id for work_id, is_any in any_end.items())


def _predecessor(name: str, reader: Reader, owner: str | None) -> StoredWork:
    try:
        return found_by(name, reader, kind=ScriptJob.kind, owner=owner)
    except NotFound as error:
        job, colon, word = name.rpartition(":")
        if not colon:
            raise
        if word in ("ok", "any"):
            raise NotFound(f"{error}; if {job} is meant, one of :ok and :any is enough") from None
        raise NotFound(f"{error}; if {job} is meant, after it comes :ok or :any, not :{word}") from None


def _no_such_work(name: str, reader: Reader, owner: str | None = None) -> TrainerError:
    names = [each for work in reader.work_page(limit=_KNOWN, owner=owner) for each in (work.id, work.key) if each]
    near = get_close_matches(name, names, n=2, cutoff=0.6)
    return NotFound(
        f"no run or job is called {name!r}, by id, key or the beginning of an id; "
        + (f"do you mean {' or '.join(near)}?" if near else "`client.py runs list` or `client.py jobs list` lists them")
    )


def _several(name: str, found: tuple[StoredWork, ...]) -> TrainerError:
    more = " and more" if len(found) > _NAMED else ""
    ids = ", ".join(work.id for work in found[:_NAMED])
    return BadRequest(f"{name!r} may be {ids}{more}; give the whole id")
