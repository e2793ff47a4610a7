"""Programs that serve, as child processes of a contestant."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from bench.contest import ROOT

_END_S = 10.0


@contextmanager
def running(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script or `-m` module of this checkout; end it at the end."""
    with program(sys.executable, *command) as process:
        yield process


@contextmanager
def program(*command: str) -> Iterator[subprocess.Popen[str]]:
    """Run any program; end it at the end."""
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


def line_of(process: subprocess.Popen[str]) -> str:
    """The next line that a program prints.

    Raises:
        ChildProcessError: it has ended.
    """
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise ChildProcessError(f"{process.args!r} ended with status {process.wait()}")
    return line.strip()


def port_of(process: subprocess.Popen[str]) -> int:
    """The port that one of our programs says it serves on."""
    return int(line_of(process).partition(" serves on ")[2].split()[0].rpartition(":")[2])


def node_list(ports: Sequence[int]) -> str:
    """The content of a list of compute nodes on this machine."""
    return "".join(f"127.0.0.1,{port}\n" for port in ports)


def peak_mb(pid: int) -> float | None:
    """The most memory that a process has had, in MB; None where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("VmHWM"))
