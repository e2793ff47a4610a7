"""Cancelling the run of an interrupted client, in the little time that such a program has left."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from threading import Thread

from client.link import Link
from rpc.errors import TrainerError

_WITHIN_S = 4.0  # a program that is told to end should have ended after 5 s


def give_up(run_id: str, link: Link, *, within_s: float = _WITHIN_S) -> str:
    """Cancel the run over a connection like this one; return the line that says how that went."""
    trouble: SimpleQueue[str] = SimpleQueue()
    # A thread, so that one deadline holds for the host's name, connection, greeting and call together.
    cancel = Thread(target=lambda: trouble.put(_cancel(run_id, link.another(within_s))), daemon=True)
    cancel.start()
    try:
        why = trouble.get(timeout=within_s)
    except Empty:
        why = f"{link} did not answer within {within_s:g} s"
    if not why:
        return f"{run_id} is cancelled"
    return f"{run_id} could not be cancelled: {why}; it goes on; `client.py cancel {run_id}` ends it"


def _cancel(run_id: str, link: Link) -> str:
    """Return why the run could not be cancelled; empty if it was."""
    try:
        link.call("cancel_work", run_id, "its client was interrupted")
    except TrainerError as error:
        return str(error)
    finally:
        link.close()
    return ""
