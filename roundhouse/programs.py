"""Programs of ours as child processes: started, awaited until they serve, and stopped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic

from rpc.errors import TrainerError
from rpc.tokens import FILE_VARIABLE, VARIABLE

_SERVES = re.compile(r"serves on (?P<host>\S+):(?P<port>\d+) ")
_START_S = 30.0
_STOP_S = 5.0
_HOME = str(Path(__file__).resolve().parents[1])  # where our packages are


def without_tokens(environ: Mapping[str, str]) -> dict[str, str]:
    """The same variables but for tokens: those are for the coordinators of others, and none of ours knows them."""
    return {name: value for name, value in environ.items() if name not in (FILE_VARIABLE, VARIABLE)}


class ServingProgram:
    """A child process that prints one line when it serves, and that ends when this process does, even by kill -9.

    Args:
        name: of the program under the `roundhouse` command.
        log: file that takes its stderr.
    """

    def __init__(self, name: str, *arguments: str, log: Path) -> None:
        self._name = name
        self._log = log
        packages = (_HOME, os.environ.get("PYTHONPATH"))
        with log.open("wb") as stderr:
            self._process = subprocess.Popen(
                # -P: whatever is called client.py where the user works must not stand in for our package.
                [sys.executable, "-P", "-m", "roundhouse.tied", name, *arguments],
                env=without_tokens(os.environ) | {"PYTHONPATH": os.pathsep.join(filter(None, packages))},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,  # Ctrl-C reaches only us: we stop the programs in good order
            )
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        Thread(target=self._read, daemon=True).start()

    def address(self) -> tuple[str, int]:
        """Return where it serves, when it does.

        Raises:
            TrainerError: it ended, or has not said so within half a minute.
        """
        deadline = monotonic() + _START_S
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - monotonic()))
            except Empty:
                raise TrainerError(f"the {self._name} does not serve after {_START_S:.0f} s") from None
            if line is None:
                raise TrainerError(f"the {self._name} ended at once: {self._last_words()}")
            match = _SERVES.search(line)
            if match:
                return match["host"], int(match["port"])

    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask_to_stop(self) -> None:
        """Let it begin to stop."""
        self._process.terminate()

    def leave_to_parent(self) -> None:
        """Let go of it in a forked child, so that it ends with the process that started it and no later."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def wait(self) -> None:
        """Return when it has stopped, by force if it does not soon after it was asked."""
        try:
            self._process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)
        self._lines.put(None)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else f"exit status {self._process.wait(_STOP_S)}"
