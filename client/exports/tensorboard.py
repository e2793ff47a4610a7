"""Histories as event files of TensorBoard (the extra `tensorboard`)."""

from __future__ import annotations

import json
from pathlib import Path

from client.exports.history import History
from rpc.errors import BadRequest, TrainerError


def check_can_write() -> None:
    """Raise TrainerError if what it needs is not installed."""
    try:
        import tensorboardX  # noqa: F401
    except ModuleNotFoundError as error:
        raise TrainerError("TensorBoard's files need tensorboardX: pip install 'roundhouse[tensorboard]'") from error


def write_events(history: History, folder: Path) -> Path:
    """Write the series as scalars and the settings as text into a folder of the work's own below `folder`; return it.

    Raises:
        BadRequest: that folder holds something already, which TensorBoard would mix with this.
        TrainerError: it cannot be written.
    """
    target = folder / history.row.id
    try:
        if target.exists() and any(target.iterdir()):
            raise BadRequest(f"{target} holds something already; remove it, or choose another folder")
        from tensorboardX import SummaryWriter  # late: it loads protobuf

        with SummaryWriter(str(target)) as writer:
            settings = json.dumps(history.settings, indent=2)
            writer.add_text("settings", "\n".join(f"    {line}" for line in settings.splitlines()))
            for point in history.points:
                writer.add_scalar(point.series, point.value, point.step, walltime=point.at_ms / 1000.0 or None)
    except OSError as error:
        raise TrainerError(f"{target}: {error.strerror or error}; choose another place with --out") from error
    return target
