"""The web server of a coordinator: a program of its own, started beside it and again whenever it ends.

It is a client like any other, so nothing that goes wrong in it reaches the loop. The socket that it serves on is this
process's: whoever asks while it starts waits for a moment, and is not turned away.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rpc.errors import BadRequest
from rpc.web_port import OFF, listen_for_web, said_port, url_of

_DELAY_S = 3.0  # so that a start is not slowed down, where nobody asked for the web
_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 60.0
_WELL_S = 60.0  # after this long an end is none of a row
_STOP_S = 3.0
_NICENESS = 10
# -P: whatever is called web.py where the coordinator was started must not stand in for our package.
_COMMAND = (sys.executable, "-P", "-m", "roundhouse.tied", "web")
_HOME = str(Path(__file__).resolve().parents[1])  # where our packages are

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WebPlace:
    """Where the web is to be served, and how many seconds after the coordinator."""

    listening: socket.socket
    delay_s: float


class WebServer:
    """A context manager: within it the web is served.

    Attributes:
        url: where.
    """

    def __init__(
        self,
        place: WebPlace,
        server: tuple[str, int],
        *,
        token: str = "",
        options: Sequence[str] = (),
        is_secured: bool = False,
    ) -> None:
        """`server` is where the coordinator serves; it knows the web by `token`."""
        self.url = url_of(place.listening, is_secured=is_secured)
        self._listening = place.listening
        self._server = "[{}]:{}".format(*server) if ":" in server[0] else "{}:{}".format(*server)
        self._token = token
        self._options = options
        self._delay_s = place.delay_s
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._supervise, name="web", daemon=True)

    def __enter__(self) -> WebServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._lock:
            self._is_over.set()
            if self._process is not None:
                self._process.terminate()
        self._thread.join(_STOP_S)
        if self._process is not None and self._thread.is_alive():
            self._process.kill()
            self._thread.join()
        self._listening.close()

    def _supervise(self) -> None:
        pause_s = self._delay_s
        in_a_row = 0
        while not self._is_over.wait(pause_s):
            started = time.monotonic()
            with self._lock:
                if self._is_over.is_set():
                    return
                process = self._process = self._start()
            status = process.wait()
            assert process.stdin is not None
            process.stdin.close()
            if self._is_over.is_set():
                return
            in_a_row = 0 if time.monotonic() - started > _WELL_S else in_a_row + 1
            pause_s = min(_LONGEST_PAUSE_S, _PAUSE_S * 2.0 ** (in_a_row - 1)) if in_a_row else _PAUSE_S
            logger.warning("the web server ended (exit status %d); it is started again in %g s", status, pause_s)

    def _start(self) -> subprocess.Popen[bytes]:
        number, token = self._listening.fileno(), self._token_pipe()
        process = subprocess.Popen(
            [*_COMMAND, "--server", self._server, "--listening", str(number), "--token-fd", str(token), *self._options],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (_HOME, os.environ.get("PYTHONPATH"))))},
            stdin=subprocess.PIPE,  # closes however this process ends, and the web server then ends, too
            stdout=subprocess.DEVNULL,
            pass_fds=(number, token),
            start_new_session=True,  # Ctrl-C reaches only us
        )
        os.close(token)
        try:
            os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
        except OSError as error:
            logger.info("the web server is not niced: %s", error)
        return process

    def _token_pipe(self) -> int:
        """A pipe in which the token lies: neither arguments nor variables are as hidden."""
        reading, writing = os.pipe()
        os.write(writing, self._token.encode())
        os.close(writing)
        return reading


def web_place(argument: int | None, host: str, *, is_for_itself: bool) -> WebPlace | None:
    """Return where the web is to be served, or None if it is not.

    Where nothing was said it is, if what it needs is installed; but not beside a coordinator on any free port, as
    programs start one for themselves.

    Args:
        argument: the port that the command line says.
        is_for_itself: the coordinator was told to take any free port.

    Raises:
        BadRequest: it was asked for, and what it needs is not installed, or this machine has no such address.
        PortInUse: somebody serves on the port that was asked for.
    """
    said = said_port(argument)
    if said == OFF or (said is None and is_for_itself):
        return None
    if not all(map(find_spec, ("fastapi", "nicegui", "uvicorn"))):
        if said is None:
            logger.info("no web: what it needs is not installed (pip install 'roundhouse[web]')")
            return None
        raise BadRequest("the web needs more than is installed: pip install 'roundhouse[web]', or --http-port off")
    return WebPlace(listen_for_web(host, said), _DELAY_S if said is None else 0.0)
