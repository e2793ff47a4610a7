"""What a run leaves with its client: result lines or JSON on stdout, and the files that were asked for."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from client.files import check_can_replace, replace_file
from client.model_files import check_model_path
from client.printing import print_json
from client.results import result_of, run_of, seconds_of
from client.runs import Run
from client.timing import timing_table, totals
from rpc.messages import RunSpec, WorkDetail


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the caller asked for."""

    save: Path | None = None
    timing: Path | None = None
    as_json: bool = False

    def check(self) -> None:
        """Raise BadRequest if a file certainly cannot be written: known before the run, not after it."""
        if self.save is not None:
            check_model_path(self.save)
        for target in (self.save, self.timing):
            if target is not None:
                check_can_replace(target)


def deliver(run: Run, wanted: Wanted, spec: RunSpec | None = None, upload_s: float = 0.0) -> None:
    """Write and print what was asked for of a run that has ended.

    Args:
        spec: the run's settings, where this client submitted it.
        upload_s: what sending the data took, in seconds.

    Raises:
        RunFailed: it ended without a model.
        TrainerError: a file cannot be written.
    """
    detail = run.detail()
    if wanted.timing is not None:
        table = timing_table(detail, upload_s)
        replace_file(wanted.timing, lambda scratch: _write_text(scratch, table))
    if wanted.as_json:
        print_json(as_json(detail, spec, upload_s))
    result = result_of(detail)
    if wanted.save is not None:
        run.model().save(wanted.save)
    if not wanted.as_json:
        print(f"final validation error: {result.validation_error:.4f}")
        print(f"model sha256: {result.model_sha256}")


def as_json(detail: WorkDetail, spec: RunSpec | None, upload_s: float) -> dict[str, Any]:
    """Return everything that is known of a run that has ended."""
    row, run = detail.row, run_of(detail)
    about: dict[str, Any] = {
        "id": row.id,
        "name": row.name,
        "state": row.state,
        "reason": row.reason,
        "final_validation_error": row.validation_error,
        "model_sha256": run.model_sha256,
        "model_bytes": run.model_bytes,
        "layers": list(run.layers),
        "numeric_class": run.numeric_class,
        "mixed_classes": run.mixed,
        "rounds": run.rounds,
        "tasks_by_node": dict(run.tasks_by_node),
        "rejections": run.rejections,
        "retries": run.retries,
        "bytes_sent": run.bytes_sent,
        "bytes_received": run.bytes_received,
        "timing": {"upload_s": upload_s, "run_s": seconds_of(row)} | totals(run),
    }
    if spec is not None:
        about["settings"] = spec
    return about


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
