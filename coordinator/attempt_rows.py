"""The attempts of a work, round by round: those that gave its updates, those that were set back, those under way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice

from coordinator.core.model import Work
from coordinator.core.updates import updates_from_json
from coordinator.round_story import critical_path, left_out
from coordinator.store.changes import AttemptEnded, RoundDone
from coordinator.store.reading import Reader
from coordinator.views import Clock
from coordinator.why.now import task_now
from rpc.errors import NotFound
from rpc.messages import AttemptRow

_MOST = 20_000  # rows of one answer
_MOST_CHARACTERS = 200  # of a message


def open_tasks(work: Work, clock: Clock) -> tuple[AttemptRow, ...]:
    """What its open tasks wait for, or where they are."""
    tasks = (task_now(task, work, clock) for task in work.tasks.values())
    return tuple(
        AttemptRow(task.id, task.round, task.shard, task.node, task.state.value, at_ms=task.since_ms, tries=task.tries)
        for task in tasks
    )


def attempt_rows(
    work_id: str, rounds: tuple[int, int], opened: tuple[AttemptRow, ...], reader: Reader
) -> tuple[AttemptRow, ...]:
    """Return what is known of the attempts in rounds from the first to the last, by round and shard; on a thread.

    Raises:
        NotFound: there is no such work.
    """
    first, last = rounds
    if reader.work(work_id) is None:
        raise NotFound(
            f"no run or job is called {work_id!r}; `client.py runs list` or `client.py jobs list` lists them"
        )
    done = reader.rounds(work_id, after=first - 1, up_to=last)
    rows = chain(
        map(_set_back, reader.attempts_of_rounds(work_id, first, last, limit=_MOST)),
        chain.from_iterable(map(_of_round, done)),
        (row for row in opened if first <= row.round <= last),
    )
    # The sort keeps the order of what is of one task: as it was set back, and then done.
    return tuple(islice(sorted(rows, key=lambda row: (row.round, row.shard)), _MOST))


def _set_back(ended: AttemptEnded) -> AttemptRow:
    return AttemptRow(
        ended.task,
        ended.round,
        ended.shard,
        ended.node,
        ended.outcome.value,
        ended.cause,
        ended.message[:_MOST_CHARACTERS],
        ended.at_ms,
    )


def _of_round(done: RoundDone) -> Iterator[AttemptRow]:
    """Who gave which update of a round, and which shards came too late."""
    number = done.row.round
    for shard in left_out(done.detail):
        yield AttemptRow(f"{done.work}/{number}/{shard}", number, shard, "", "left out")
    if "updates" not in done.detail:
        return
    critical = critical_path(done.detail)
    for shard, update in updates_from_json(done.detail["updates"]).items():
        row = AttemptRow(f"{done.work}/{number}/{shard}", number, shard, update.node, "done")
        if critical is not None and critical.shard == shard:
            work_s = critical.send_s + critical.compute_s + critical.receive_s
            row = replace(row, is_last=True, wait_s=critical.wait_s, work_s=work_s)
        yield row
