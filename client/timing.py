"""The timing table of a run: where the time of each round went."""

from __future__ import annotations

from client.columns import Column, table
from client.results import MEMO, run_of, seconds_of
from rpc.messages import RoundRow, RunDetail, WorkDetail
from rpc.plain_text import plain

# Seconds of a round, and of its tasks summed over the nodes, in the order a task passes through them.
_PHASES = ("seconds", "wait_s", "send_s", "compute_s", "receive_s", "reduce_s", "validate_s", "commit_s")
_COUNTS = ("tasks", "rejections", "retries", "epochs_run")

_EXPLANATION = """\
seconds: from the first task handed out to the average. wait: tasks ready until placed. send, compute,
receive: of tasks, as the coordinator sees them. reduce: the additions. validate: the validation, beside the
next round. commit: from the average until the round was safe, behind the next rounds (- is not known). Wait,
send, compute and receive are summed over tasks, which run side by side."""


def timing_table(detail: WorkDetail, upload_s: float) -> str:
    """Return the table as text, one row a round, with totals.

    Args:
        upload_s: what sending the data to the coordinator took, in seconds.
    """
    run = run_of(detail)
    head = ["round", "error", *(phase.removesuffix("_s") for phase in _PHASES), *_COUNTS]
    head[head.index("epochs_run")] = "epochs"
    columns = [Column(name, is_number=True) for name in head]
    body = [_row(each) for each in run.rounds]
    total = ["all", "", *map(_seconds, totals(run).values()), *(f"{_sum(run, name):.0f}" for name in _COUNTS)]
    lines = [
        plain(f"{detail.row.id} ({detail.row.name}): {detail.row.state}"),
        f"data sent in {upload_s:.3f} s, run took {seconds_of(detail.row):.3f} s",
        "",
        *table(columns, [*body, total]),
        "",
        *(plain(f"{_who(node)}: {tasks} tasks") for node, tasks in sorted(run.tasks_by_node.items())),
        f"{run.bytes_sent} bytes sent to the nodes, {run.bytes_received} received",
        "",
        _EXPLANATION,
    ]
    return "\n".join(lines) + "\n"


def totals(run: RunDetail) -> dict[str, float]:
    """Return the sum of each phase over all rounds, in seconds."""
    return {name: _sum(run, name) for name in _PHASES}


def _sum(run: RunDetail, name: str) -> float:
    return float(sum(getattr(each, name) or 0.0 for each in run.rounds))


def _who(node: str) -> str:
    return "known from earlier runs (memo)" if node == MEMO else f"node {node}"


def _row(row: RoundRow) -> list[str]:
    error = "-" if row.validation_error is None else f"{row.validation_error:.4f}"
    phases = [_seconds(getattr(row, name)) for name in _PHASES]
    return [str(row.round), error, *phases, *(str(getattr(row, name)) for name in _COUNTS)]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
