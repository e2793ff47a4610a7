"""Cancelling work: a script job is answered for once its program has ended, so many are asked for at once."""

from __future__ import annotations

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from threading import Thread

from client.link import Link
from rpc.messages import WorkRow

_WAIT_S = 30.0  # for a program to end by itself, and for its node to end it and to tell what it has left
_AT_ONCE = 32


def cancel(link: Link, work_id: str, reason: str) -> WorkRow:
    """Ask for the end of a work; return how it stands after that."""
    row: WorkRow = link.call_again("cancel_work", work_id, reason, waits_s=_WAIT_S)
    return row


def cancel_all(link: Link, ids: Sequence[str], reason: str) -> list[WorkRow]:
    """Ask for the end of several works at once, over connections of their own; return how they stand, in order.

    Raises:
        TrainerError: one of them could not be cancelled; the others are, all the same.
    """
    wanted: SimpleQueue[str] = SimpleQueue()
    ended: SimpleQueue[tuple[str, WorkRow | Exception]] = SimpleQueue()
    for work_id in ids:
        wanted.put(work_id)
    for _ in ids[:_AT_ONCE]:  # daemons, for which an interrupt need not wait
        Thread(target=_cancel_some, args=(link.another(), wanted, reason, ended), daemon=True).start()
    answers = dict(ended.get() for _ in ids)
    rows = []
    for work_id in ids:
        answer = answers[work_id]
        if isinstance(answer, Exception):
            raise answer
        rows.append(answer)
    return rows


def _cancel_some(
    link: Link, wanted: SimpleQueue[str], reason: str, ended: SimpleQueue[tuple[str, WorkRow | Exception]]
) -> None:
    """Cancel what nobody else has taken, until there is nothing more."""
    try:
        while True:
            work_id = wanted.get_nowait()
            try:
                ended.put((work_id, cancel(link, work_id, reason)))
            except Exception as error:  # the top of a thread: raised again where it is waited for
                ended.put((work_id, error))
    except Empty:
        link.close()
