"""What `client.py logs` does: prints the log of a script job, also while it grows."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace

from client.connecting import connected
from client.following import remark
from client.job_log import LogPart
from client.jobs import Job
from client.log_lines import levels_of, log_line
from client.printing import print_json
from client.style import Style
from rpc.errors import ExitCode
from rpc.kept_log import LEVELS, STREAMS, Record


def print_log(args: argparse.Namespace) -> int:
    """Print what is wanted of a log."""
    levels = levels_of(args.level)
    with connected(args) as session:
        found = (_only(part, levels) for part in _parts(session.single_job(args.job), args, levels))
        if not args.json:
            style, n_lines = Style(sys.stdout), 0
            for part in found:
                n_lines += len(part.records)
                sys.stdout.writelines(f"{log_line(record, style)}\n" for record in part.records)
                sys.stdout.flush()
            if not n_lines and args.tail != 0:
                remark("there are no such lines")
        elif args.follow:
            for part in found:
                if part.records or part.is_whole:
                    print_json(_as_json([part]), on_one_line=True)
        else:
            print_json(_as_json(list(found)))
    return ExitCode.DONE


def record_as_json(record: Record) -> dict[str, object]:
    """Return a line with all that is known of it, its text as the job has printed it."""
    level, stream = LEVELS[record.level], STREAMS[record.stream]
    return {"at_ms": record.at_ms, "stream": stream, "level": level, "text": record.text}


def _parts(job: Job, args: argparse.Namespace, levels: str) -> Iterator[LogPart]:
    offset = args.offset
    if args.tail is not None:
        last = job.last_part(args.tail, levels)
        yield last
        if last.is_whole or not args.follow:
            return
        offset = last.next_offset
    yield from job.log_parts(offset=offset, follow=args.follow)


def _only(part: LogPart, levels: str) -> LogPart:
    return replace(part, records=tuple(record for record in part.records if record.level in levels))


def _as_json(parts: Sequence[LogPart]) -> dict[str, object]:
    records = [record_as_json(record) for part in parts for record in part.records]
    return {"records": records, "next_offset": parts[-1].next_offset, "is_whole": parts[-1].is_whole}
