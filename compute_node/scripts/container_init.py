"""The first process of a job's container: it starts the program, and ends with it or with the watchdog outside.

It runs by the image's own Python (3.7 or later), and so uses the standard library alone. Its stdin is the
watchdog's: when that is over the watchdog has ended, however it did. The end of the first process is the end of all.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import sys
from collections.abc import Mapping
from typing import NoReturn

OWN = "JOB_VARIABLE_"  # begins the names of the job's own variables, which this process does without
GO = b"\n"  # what the watchdog says once it knows the container's groups
LINGER_S = 0.6  # more than two looks of the watchdog


def main(command: list[str]) -> int:
    """Run the program; return its exit status, 128 + N if signal N ended it."""
    if not os.read(0, len(GO)):
        return 128 + signal.SIGKILL
    wake, waker = os.pipe()
    for fd in (wake, waker):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(waker)
    signal.signal(signal.SIGCHLD, lambda number, frame: None)
    program = os.fork()
    if program == 0:
        become(command)
    signal.signal(signal.SIGTERM, lambda number, frame: os.kill(program, signal.SIGTERM))
    while True:
        ready, _, _ = select.select([0, wake], [], [])
        if wake in ready:
            os.read(wake, 4096)
        if 0 in ready and not os.read(0, 4096):
            return 128 + signal.SIGKILL
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == program and os.WIFEXITED(status):
                return os.WEXITSTATUS(status)
            if pid == program:
                if os.WTERMSIG(status) == signal.SIGKILL:
                    # Perhaps for want of memory: the watchdog has to look before the container's groups go.
                    select.select([0], [], [], LINGER_S)
                return 128 + os.WTERMSIG(status)
            if pid == 0:
                break


def variables_of_the_job(given: Mapping[str, str]) -> dict[str, str]:
    """The job's own go before those of the engine, which may name some itself."""
    own = {name[len(OWN) :]: value for name, value in given.items() if name.startswith(OWN)}
    return {**{name: value for name, value in given.items() if not name.startswith(OWN)}, **own}


def become(command: list[str]) -> NoReturn:
    """In the child: be the program."""
    try:
        os.setsid()
        os.nice(10)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.execvpe(shutil.which(command[0]) or command[0], command, variables_of_the_job(os.environ))
    except OSError as error:
        os.write(2, f"{command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(127)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
