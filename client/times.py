"""Moments and durations as people write and read them."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def since(text: str) -> timedelta | datetime:
    """Read how long ago (`90s`, `15m`, `2h`, `7d`) or when (`2026-11-22T18:00`, local time) something was.

    Raises:
        argparse.ArgumentTypeError: it is neither, or nothing was then: the calendar does not go back so far.
    """
    try:
        read = _read(text)
    except ValueError:
        message = f"{text!r} is no time; write 15m, 2h, 7d or 2026-11-22T18:00"
        raise argparse.ArgumentTypeError(message) from None
    except OverflowError:
        raise _too_far(text) from None
    try:
        ms_of(read, datetime.now())
    except (ValueError, OverflowError):
        raise _too_far(text) from None
    return read


def lifetime(text: str) -> timedelta:
    """Read how long something lasts: `90s`, `12h`, `30d`.

    Raises:
        argparse.ArgumentTypeError: it is no such time, or none at all.
    """
    read = since(text)
    if not isinstance(read, timedelta) or read <= timedelta():
        raise argparse.ArgumentTypeError(f"{text!r} is not how long something lasts; write 12h or 30d")
    return read


def _read(text: str) -> timedelta | datetime:
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isascii() and number.replace(".", "", 1).isdigit():
        return timedelta(seconds=float(number) * _UNITS[unit])
    return datetime.fromisoformat(text)


def _too_far(text: str) -> argparse.ArgumentTypeError:
    return argparse.ArgumentTypeError(f"{text!r} is too far away; write 15m, 2h, 7d or 2026-11-22T18:00")


def ms_of(moment: timedelta | datetime | None, now: datetime) -> int:
    """Return it in ms since 1970; 0 for None."""
    if moment is None:
        return 0
    return round(1000 * (now - moment if isinstance(moment, timedelta) else moment).timestamp())


def moment(ms: int) -> str:
    """Return a moment with its day; empty for 0, which is none."""
    return f"{datetime.fromtimestamp(ms / 1000):%Y-%m-%d %H:%M:%S}" if ms else ""


def clock(ms: int, now: datetime) -> str:
    """Return a moment, with its day unless that is today."""
    then = datetime.fromtimestamp(ms / 1000)
    return f"{then:%H:%M:%S}" if then.date() == now.date() else moment(ms)


def took(seconds: float) -> str:
    """Return how long something took: of what is short, with tenths."""
    return f"{seconds:.1f} s" if seconds < 59.95 else duration(seconds)


def duration(seconds: float) -> str:
    """Return hours, minutes and seconds."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}"
