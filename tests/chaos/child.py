"""A program of ours as a child process that can be killed and paused, and that never outlives this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from time import monotonic

ROOT = Path(__file__).resolve().parents[2]
_END_S = 10.0


class Child:
    """Its stderr goes to `log`; a line of its stdout says that it serves. Start it on the main thread."""

    def __init__(self, arguments: Sequence[str], log: Path) -> None:
        self.log = log
        self.is_paused = False
        self._started_at = monotonic()
        self.serves_after_s = 0.0  # once it does
        self.serves = Event()
        scratch = log.parent / "scratch"
        scratch.mkdir(exist_ok=True)
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                # The kernel ends it with the thread that started it, also when it is paused at that moment.
                ["setpriv", "--pdeathsig", "KILL", sys.executable, *arguments],
                cwd=ROOT,
                env=os.environ | {"TMPDIR": str(scratch), "XDG_DATA_HOME": str(scratch)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """How it ended, if it has."""
        return self._process.poll()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(_END_S)
        self._reader.join(_END_S)

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        self.is_paused = True

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)
        self.is_paused = False

    def last_words(self) -> str:
        """The last line of its log."""
        lines = self.log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "nothing"

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                if " serves on " in line or " joins the coordinator at " in line:
                    self.serves_after_s = monotonic() - self._started_at
                    self.serves.set()
