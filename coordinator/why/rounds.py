"""What a round had to wait for, and how its tasks were placed."""

from __future__ import annotations

from collections.abc import Iterator

from coordinator.core.rounds import CriticalPath
from coordinator.round_story import critical_path, first_scores, left_out
from coordinator.store.changes import RoundDone
from coordinator.why.words import listed, seconds, seen_by_policy
from rpc.messages import Reason


def round_reasons(done: RoundDone) -> Iterator[Reason]:
    """The critical path of a round, and what the policy saw when it placed the first task."""
    yield from path_of(done)
    scores = first_scores(done.detail)
    if scores is not None:
        yield Reason("placement", f"at the first task of round {done.row.round} {seen_by_policy(scores)}")


def path_of(done: RoundDone, which: str = "") -> Iterator[Reason]:
    """The critical path of a round, from the first task handed out to the commit; `which` says what is special."""
    row, found = done.row, critical_path(done.detail)
    head = f"{which}round {row.round} took {seconds(row.seconds)}"
    late = left_out(done.detail)
    if found is not None:
        safe = f", stored {seconds(row.commit_s)} after the average" if row.commit_s is not None else ""
        after = f"{seconds(row.reduce_s)} adding, {seconds(row.validate_s)} validating{safe}"
        yield Reason("critical path", f"{head}; what came last was {_path(done, found)}; then {after}")
    elif late:
        yield Reason("critical path", f"{head}, to its deadline; left out: {listed([f'shard {n + 1}' for n in late])}")


def _path(done: RoundDone, path: CriticalPath) -> str:
    task = f"{done.work}/{done.row.round}/{path.shard}"
    steps = {
        "until it had a slot": path.wait_s,
        "sending": path.send_s,
        "computing": path.compute_s,
        "receiving": path.receive_s,
    }
    parts = ", ".join(f"{seconds(value)} {name}" for name, value in steps.items())
    return f"shard {path.shard + 1} on {path.node} (task {task}): {parts}"
