"""A time within which something must be done, for what cannot be told one itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

T = TypeVar("T")


def within(timeout_s: float, work: Callable[[], T]) -> T:
    """Return what the work returns, or raise what it raises.

    Names are looked up, and addresses tried one after the other, for as long as the system pleases. Work that takes
    too long goes on unheeded, until it or the program ends.

    Raises:
        TimeoutError: it takes longer.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # whatever it is, it is for whoever waits
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future.result(timeout_s)
