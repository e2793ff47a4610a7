"""Commands of ours, such as pip: bounded in time and output, with nothing left of them."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from compute_node.scripts.environments import Ended

_KEPT_BYTES = 64 << 10  # of the output, its end


def run(argv: Sequence[str], variables: Mapping[str, str], folder: Path, timeout_s: float) -> Ended:
    """Run a command in a folder, with these variables alone; it and its children are over when this returns."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            argv,
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            status: int | None = process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        output.seek(max(0, output.seek(0, os.SEEK_END) - _KEPT_BYTES))
        return Ended(status, output.read().decode("utf-8", "replace"))
