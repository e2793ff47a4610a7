"""A job that runs as a child of its watchdog, at the levels `bwrap` and `rlimits`."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from time import monotonic, sleep
from typing import NoReturn

from compute_node.scripts import bwrap, cgroups, descendants, job_folder, kernel, private_view, rlimits
from compute_node.scripts.box import NICE, OOM_SCORE, Box, Level
from compute_node.scripts.cage import PIDS_REFUSED, Cage, NotStarted, Usage
from compute_node.scripts.cgroups import Parents
from compute_node.scripts.job_users import JobUser, become, take_user

_END_WITHIN_S = 10.0  # that a killed process may take, in the kernel's hands, before it is reported
_SET_UP_WITHIN_S = 10.0  # takes milliseconds where the machine is not busy
_CANNOT_RUN = 127


class LocalCage(Cage):
    """One job at one of the two levels that need no engine."""

    def __init__(self, box: Box, level: Level, parents: Parents) -> None:
        self._box = box
        self._level = level
        self._user: JobUser | None = take_user() if os.getuid() == 0 else None
        self._group = cgroups.make_group(parents, box.name)
        self._program = 0  # the process of the program, where it is known
        self._child = 0
        self._status: int | None = None
        self._sandbox_says: int | None = None  # the read end of what bubblewrap reports
        self._sandbox_report = b""
        self.memory_bytes = 0
        self._peak_bytes = 0
        self._most_processes = 0
        self._disk_bytes = self._peak_disk_bytes = 0
        self._over_memory = 0
        self._over_pids = 0
        self._is_started = False
        self._started_at = 0.0

    @property
    def user(self) -> int | None:
        """The job's own user, if it has one."""
        return self._user.uid if self._user else None

    @property
    def enforced(self) -> list[str]:
        """The limits that hold here."""
        names = self._group.enforced | {"disk_bytes", "files", "file_bytes", "open_files", "time_s", "memory_bytes"}
        if self._level is Level.BWRAP or self._user is not None:
            names.add("pids")
        return sorted(names)

    def start(self) -> None:
        """Start the program, or raise NotStarted."""
        box = self._box
        kernel.prctl(kernel.Prctl.CHILD_SUBREAPER, 1)
        try:
            job_folder.lay_out(box, self.user, links=self._level is Level.RLIMITS)
            self._group.set_limits(box.limits, bwrap.OWN_PROCESSES if self._level is Level.BWRAP else 0)
            if self._user is not None:
                private_view.show((box.folder, *box.read_only, *box.writable, *box.datasets.values()))
            self._fork()
        except OSError as error:
            raise NotStarted(f"{error.filename or self._level}: {error.strerror or error}") from error

    def has_ended(self) -> int | None:
        """Reap what has ended; the exit status of the program once it is among them."""
        while self._status is None:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == 0:
                break
            if pid == self._child:
                code = os.waitstatus_to_exitcode(status)
                self._status = code if code >= 0 else 128 - code
        self._read_sandbox_report()
        return self._status

    def failed_to_start(self) -> bool:
        """Whether the sandbox ended without having run the program."""
        # Whatever became of bubblewrap's report: where it ended well, or after long, the program has run, and must not
        # be run again.
        is_sandbox_done = self._status == 0 or monotonic() - self._started_at > _SET_UP_WITHIN_S
        has_run = self._is_started or is_sandbox_done or b'"exit-code"' in self._sandbox_report
        return self._sandbox_says is not None and not has_run

    def terminate(self) -> None:
        """Ask the program itself to end."""
        self._read_sandbox_report()
        pid = self._program_pid()
        if pid:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGTERM)

    def end_all(self) -> bool:
        """Kill everything that the job has started; False if something cannot be killed."""
        self._group.kill()
        if self._user is not None:
            self._user.kill_all()
        if self._status is None and self._child:
            with suppress(ProcessLookupError):
                os.kill(self._child, signal.SIGKILL)
        deadline = monotonic() + _END_WITHIN_S
        while self._status is None and self._child and self.has_ended() is None and monotonic() < deadline:
            sleep(0.002)
        return descendants.sweep(deadline)

    def close(self) -> None:
        """Give back what the job had: its groups, folder and user."""
        self._group.remove()
        job_folder.take_back(self._box)
        if self._user is not None:
            if self._level is Level.RLIMITS:
                self._user.clear_public_folders()
            self._user.release()

    def limit_hit(self) -> str | None:
        """The limit that the job is over, if it must end for that."""
        limits = self._box.limits
        pids = self._members()
        facts = [each for pid in pids if (each := descendants.stat_of(pid)) is not None]
        self.memory_bytes = resident = sum(each.resident_bytes for each in facts)
        threads = sum(each.threads for each in facts)
        self._peak_bytes = max(self._peak_bytes, resident)
        self._most_processes = max(self._most_processes, len(facts))
        self._over_memory = self._over_memory + 1 if resident > limits.memory_bytes else 0
        self._over_pids = self._over_pids + 1 if threads >= limits.pids else 0
        if self._group.memory_kills() or ("memory_bytes" not in self._group.enforced and self._over_memory > 1):
            return "memory"
        if self._group.refused_pids() > PIDS_REFUSED:
            return "pids"
        if "pids" not in self._group.enforced and self._over_pids > 3:
            return "pids"
        self._disk_bytes, limit = job_folder.measure(self._box, pids)
        self._peak_disk_bytes = max(self._peak_disk_bytes, self._disk_bytes)
        return limit

    def usage(self) -> Usage:
        """What the job has used so far."""
        used = os.times()
        peak = self._group.peak_memory_bytes()
        cpu_s = self._group.cpu_s()
        return Usage(
            peak_memory_bytes=self._peak_bytes if peak is None else peak,
            cpu_s=used.children_user + used.children_system if cpu_s is None else cpu_s,
            most_processes=self._most_processes,
            disk_bytes=self._disk_bytes,
            peak_disk_bytes=self._peak_disk_bytes,
        )

    def _members(self) -> list[int]:
        return self._group.members() if self._group.folders else descendants.descendants(os.getpid())

    def _program_pid(self) -> int:
        """The program's process; in a sandbox it is the first child of the sandbox's first process."""
        if self._level is Level.RLIMITS:
            return self._child
        if not self._program and b'"child-pid"' in self._sandbox_report:
            first = int(json.loads(self._sandbox_report.splitlines()[0])["child-pid"])
            self._program = min(descendants.descendants(first), default=0)
        return self._program

    def _read_sandbox_report(self) -> None:
        if self._sandbox_says is None:
            return
        with suppress(BlockingIOError):
            while data := os.read(self._sandbox_says, 4096):
                self._sandbox_report += data

    def _fork(self) -> None:
        command, environment, keep = self._command()
        reader, writer = os.pipe()  # closed by the program's start, or else it tells why there was none
        self._started_at = monotonic()
        self._child = os.fork()
        if self._child == 0:
            self._become_program(command, environment, writer)
        for fd in (writer, *keep):
            os.close(fd)
        with open(reader, "rb") as words:
            if reason := words.read().decode(errors="replace"):
                raise NotStarted(reason)
        self._is_started = self._level is Level.RLIMITS

    def _command(self) -> tuple[list[str], dict[str, str], list[int]]:
        """The command line, its variables, and the files that it reads."""
        box = self._box
        if self._level is Level.RLIMITS:
            return list(box.argv), box.environment(rlimits.inside(box)), []
        self._sandbox_says, status = os.pipe()
        os.set_blocking(self._sandbox_says, False)
        user = os.getuid() if self.user is None else self.user
        passwd = _file("passwd", f"job:x:{user}:{user}::/tmp:/bin/sh\n".encode())
        group = _file("group", f"job:x:{user}:\n".encode())
        words = bwrap.arguments(box, status_fd=status, passwd_fd=passwd, group_fd=group)
        listed = _file("arguments", b"".join(word.encode() + b"\0" for word in words))
        keep = [status, passwd, group, listed]
        for fd in keep:
            os.set_inheritable(fd, True)
        return bwrap.command(box, listed), {"PATH": os.environ["PATH"]}, keep

    def _become_program(self, command: list[str], environment: dict[str, str], writer: int) -> NoReturn:
        """In the child: give up all that the program must not have, then become it."""
        box = self._box
        try:
            self._group.join()
            kernel.new_session_keyring()
            os.setsid()
            os.nice(NICE)
            kernel.prctl(kernel.Prctl.DUMPABLE, 1)  # a closed process of no root cannot open its own files in /proc
            with open("/proc/self/oom_score_adj", "w") as score:
                score.write(str(OOM_SCORE))
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            held = self._group.enforced
            count = self._user is not None and self._level is Level.RLIMITS and "pids" not in held
            rlimits.restrict(box.limits, memory="memory_bytes" not in held, pids=count)
            if self._user is not None:
                become(self._user.uid)
            kernel.prctl(kernel.Prctl.NO_NEW_PRIVS, 1)
            kernel.prctl(kernel.Prctl.PDEATHSIG, signal.SIGKILL)
            os.chdir(box.work)
            os.execvpe(command[0], command, environment)
        except BaseException as error:
            os.write(writer, f"{command[0]}: {getattr(error, 'strerror', None) or error}".encode())
        finally:
            os._exit(_CANNOT_RUN)


def _file(name: str, content: bytes) -> int:
    """A file of memory that holds `content`, read from its start."""
    fd = os.memfd_create(name)
    os.write(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
