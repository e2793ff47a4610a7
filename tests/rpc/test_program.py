"""What programs say, and how they end, where their output cannot be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rpc.errors import ExitCode

_PRINTS = "from rpc.program import Unread, exit_status\n"


def _run(body: str, stdout: int) -> subprocess.CompletedProcess[str]:
    program = f"{_PRINTS}def body():\n    {body}\nraise SystemExit(exit_status('it', body))\n"
    return subprocess.run(
        [sys.executable, "-c", program], stdout=stdout, stderr=subprocess.PIPE, text=True, timeout=30, check=False
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux alone has a device that is always full")
def test_output_that_cannot_be_written_is_said_to_be_so_and_is_no_bug() -> None:
    with open("/dev/full", "w") as full:
        ended = _run("print('x'); return 0", full.fileno())
    assert (ended.returncode, ended.stderr) == (
        ExitCode.FAILED,
        "it: the output cannot be written: No space left on device\n",
    )


@pytest.mark.parametrize(("raised", "status"), [("BrokenPipeError", ExitCode.DONE), ("Unread", ExitCode.FAILED)])
def test_a_reader_who_left_is_a_failure_only_where_an_end_was_to_be_told(raised: str, status: int) -> None:
    ended = _run(f"raise {raised}", subprocess.DEVNULL)
    assert (ended.returncode, ended.stderr) == (status, "")
