"""Lines of a job's log as people see them: none may command a terminal."""

from __future__ import annotations

import sys
from datetime import datetime

from client.style import Style
from client.times import clock
from rpc.kept_log import LEVELS, STREAMS, Record
from rpc.plain_text import plain

_COLOURS = {"w": "yellow", "e": "red", "p": "cyan"}
_OF_LEVEL = {"INFO": "iwep", "WARNING": "we", "ERROR": "e", "PROGRESS": "p"}


def levels_of(name: str) -> str:
    """Return the levels, keys of LEVELS, that somebody wants to see who names one."""
    return _OF_LEVEL[name]


def visible(text: str) -> str:
    """Return a line that a job has printed, with its tabs, as `plain` has it else."""
    return "\t".join(map(plain, text.split("\t")))


def log_line(record: Record, style: Style) -> str:
    """Return a line with its time, stream and level."""
    stream, level = STREAMS[record.stream], LEVELS[record.level]
    line = f"{clock(record.at_ms, datetime.now())}  {stream:<10}  {level:<8}  {visible(record.text)}"
    return style.paint(line.rstrip(), _COLOURS.get(record.level, "dim" if record.stream == "s" else ""))


def pass_on(record: Record) -> None:
    """Print a line where the job has: stdout or stderr; ours go to stderr."""
    if record.stream == "s":
        print(f"roundhouse: {visible(record.text)}", file=sys.stderr, flush=True)
    else:
        print(visible(record.text), file=sys.stdout if record.stream == "o" else sys.stderr, flush=True)
