"""The work that a coordinator knows of: the newest, page by page, and one that somebody names."""

from __future__ import annotations

from dataclasses import replace

from client.link import Link
from rpc.errors import NotFound
from rpc.messages import WorkFilter, WorkRow

_PAGE = 500  # rows that one call brings


def newest_work(link: Link, limit: int, wanted: WorkFilter) -> tuple[WorkRow, ...]:
    """Return the newest work that the filter lets through, the newest first."""
    rows: list[WorkRow] = []
    while (missing := limit - len(rows)) > 0:
        before = rows[-1].number if rows else 0
        wanted = replace(wanted, before=before, limit=min(missing, _PAGE))
        page: tuple[WorkRow, ...] = link.call_again("page_work", wanted)
        rows += page
        if len(page) < wanted.limit:
            break
    return tuple(rows)


def find_work(link: Link, name: str) -> str:
    """Return the id of the run or job with this id, beginning of an id, or key; `latest`: of the newest of both.

    Raises:
        NotFound: there is none.
        BadRequest: there are several.
    """
    if name != "latest":
        row: WorkRow = link.call_again("find_work", name)
        return row.id
    newest = newest_work(link, 1, WorkFilter())
    if not newest:
        raise NotFound("there is no run or job yet")
    return newest[0].id
