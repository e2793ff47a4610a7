"""The curves of a run as a picture: validation error and losses over the rounds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING

from client.files import check_can_replace, replace_file
from client.results import run_of
from rpc.errors import BadRequest, TrainerError
from rpc.messages import RoundRow, WorkDetail
from rpc.plain_text import plain

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FORMATS = (".png", ".svg", ".pdf")
_MOST_MARKERS = 40  # more rounds than this are a line without dots
_Curve = Callable[[RoundRow], float | None]
_CURVES: tuple[tuple[str, str, _Curve], ...] = (
    ("validation error", "#c0392b", lambda row: row.validation_error),
    ("validation loss, mean of the rows", "#2471a3", lambda row: row.validation_loss),
    ("training loss, sum over the rows", "#1e8449", lambda row: row.train_loss),
)


def check_can_plot(path: Path) -> None:
    """Raise an error if `plot_run` would certainly fail.

    Raises:
        BadRequest: the name of the file tells no format, or the file cannot be written.
        TrainerError: matplotlib is not installed.
    """
    if path.suffix not in _FORMATS:
        raise BadRequest(f"{path}: a plot is a .png, .svg or .pdf; give the file such a name")
    check_can_replace(path)
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise TrainerError("a plot needs matplotlib: pip install 'roundhouse[plot]'") from error


def plot_run(detail: WorkDetail, path: Path) -> None:
    """Draw the rounds that a run has behind it into a file; an existing one is replaced as a whole.

    Raises:
        BadRequest: no round is done yet.
        TrainerError: the file cannot be written.
    """
    run = run_of(detail)
    if not run.rounds:
        raise BadRequest(f"{detail.row.id} has no round behind it yet; plot it later")
    from matplotlib.figure import Figure  # late: it takes longer to load than all else of the client

    figure = Figure(figsize=(7, 7), layout="constrained")
    axes = figure.subplots(len(_CURVES), 1, sharex=True, height_ratios=(2, 1, 1))
    for axis, (title, colour, curve) in zip(axes, _CURVES, strict=True):
        values = [_plotted(curve(row)) for row in run.rounds]
        _draw(axis, [row.round for row in run.rounds], values, colour)
        axis.set_title(title, loc="left", fontsize=10)
    _mark_best(axes[0], run.rounds)
    axes[-1].set_xlabel("round")
    axes[-1].xaxis.get_major_locator().set_params(integer=True)
    figure.suptitle(plain(_title(detail)), fontsize=11, parse_math=False)
    with warnings.catch_warnings():
        # A name may have characters that the font lacks: they are boxes, which is no news to tell.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        replace_file(path, lambda scratch: figure.savefig(scratch, dpi=150))


def _draw(axis: Axes, rounds: list[int], values: list[float], colour: str) -> None:
    marker = "o" if len(rounds) <= _MOST_MARKERS else ""
    axis.plot(rounds, values, color=colour, marker=marker, markersize=4)
    axis.set_ylim(bottom=0)
    axis.margins(x=0.03)
    axis.grid(alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def _mark_best(axis: Axes, rounds: tuple[RoundRow, ...]) -> None:
    """Point out the lowest validation error."""
    known = [(row.validation_error, row.round) for row in rounds if row.validation_error is not None]
    if not known:
        return
    error, number = min(known)
    axis.axhline(error, color="#7f8c8d", linewidth=0.8, linestyle="--")
    axis.set_title(f"best: {error:.4f} in round {number}", loc="right", fontsize=9)


def _title(detail: WorkDetail) -> str:
    row, run = detail.row, run_of(detail)
    layers = "-".join(map(str, run.layers))
    return f"{row.id} ({row.name}), layers {layers}: {row.state}, {row.round} of {row.rounds} rounds"


def _plotted(value: float | None) -> float:
    """What is unknown or left the finite range is a gap."""
    return value if value is not None and isfinite(value) else nan
