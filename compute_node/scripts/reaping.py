"""The end of what watchdogs have left: for a node that starts after one that was killed, or whose watchdog was."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from time import monotonic, sleep

from compute_node.scripts import cgroups, descendants, job_users, record
from compute_node.scripts.box import Level
from compute_node.scripts.mark import carries
from compute_node.scripts.readable import readable
from compute_node.scripts.record import Record

logger = logging.getLogger(__name__)

_WATCHDOG_S = 5.0  # for a watchdog to end its job by itself
_END_S = 5.0
_KILL_ALL = """\
import os, sys
user = int(sys.argv[1])
os.setgroups([])
os.setresgid(user, user, user)
os.setresuid(user, user, user)
os.kill(-1, 9)
"""


def reap_all(jobs: Path) -> list[str]:
    """End what is left of every job whose folder lies in `jobs`; return the names of those that may live on."""
    return [folder.name for folder in sorted(jobs.iterdir()) if folder.is_dir() and not reap(folder)]


def reap(folder: Path) -> bool:
    """End all that a job has started and has not yet been ended; False if something cannot be killed.

    Returns at once for a job that its watchdog has seen to.
    """
    left = record.read(str(folder))
    if left is None:
        return True
    logger.info("job %s: ending what is left of it", left.name)
    _end_watchdog(left)
    is_clean = _end_processes(left)
    if left.level is Level.DOCKER:
        is_clean &= _remove_container(left)
    if is_clean:
        folder.chmod(0o700)
        record.remove(str(folder))
    return is_clean


def _end_watchdog(left: Record) -> None:
    """A watchdog that still lives ends its job best: only it knows all of a job without user and groups."""
    for number, patience_s in ((signal.SIGTERM, _WATCHDOG_S), (signal.SIGKILL, _END_S)):
        try:
            process = os.pidfd_open(left.pid)
        except ProcessLookupError:
            return
        try:
            facts = descendants.stat_of(left.pid)
            if facts is None or facts.started_at != left.started_at:
                return  # another process has the number now
            signal.pidfd_send_signal(process, number)
            if readable([process], patience_s):
                return
        except ProcessLookupError:
            return
        finally:
            os.close(process)


def _end_processes(left: Record) -> bool:
    group = cgroups.group_of(left.parents, left.name)
    deadline = monotonic() + _END_S
    while True:
        group.kill()
        if left.user is not None:
            # The number may belong to another job by now: then its watchdog made sure that nobody else had it.
            with suppress(OSError):
                user = job_users.take_user(left.user)
                # Not by `kill_all`, which forks: the node has threads.
                subprocess.run([sys.executable, "-I", "-S", "-c", _KILL_ALL, str(left.user)], check=False)
                user.release()
        pids = {*group.members(), *_marked(left.name)}
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not pids:
            return group.remove()
        if monotonic() > deadline:
            logger.warning("job %s: processes %s cannot be killed", left.name, sorted(pids))
            return False
        sleep(0.01)


def _marked(job: str) -> list[int]:
    """Processes that still carry the job's name in their variables; one that hid it from us has escaped this search."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit() and carries(int(name), job)]


def _remove_container(left: Record) -> bool:
    from compute_node.scripts import engine  # its libraries take a third of a second to load
    from compute_node.scripts.cage import NotStarted

    try:
        with closing(engine.connect(left.engine)) as api:
            engine.remove(api, engine.container_of(left.name))
    except NotStarted as error:
        logger.warning("job %s: its container may live on: %s", left.name, error)
        return False
    return True
