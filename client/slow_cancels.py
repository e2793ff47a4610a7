"""A cancel is answered once the program has ended, which may take half a minute: so long nobody is left in the dark."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from threading import Timer

from client.following import remark

_AT_ONCE_S = 0.3  # in which most are answered


@contextmanager
def told_meanwhile(names: Sequence[str]) -> Iterator[None]:
    """Say that these are being cancelled unless that is done at once, and what an interrupt of the waiting means."""
    what = names[0] if len(names) == 1 else f"{len(names)} jobs"
    timer = Timer(_AT_ONCE_S, remark, [f"cancelling {what}: a program has some seconds to end by itself"])
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        remark(f"no longer waiting; {what} will be cancelled all the same")
        raise
    finally:
        timer.cancel()
