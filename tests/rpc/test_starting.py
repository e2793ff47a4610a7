"""What a script says where this machine lacks something for its program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def start(before: str, program: str = "client") -> subprocess.CompletedProcess[str]:
    code = f"import sys; {before}; from rpc.starting import start; sys.exit(start({program!r}))"
    return subprocess.run(
        [sys.executable, "-c", code, "--version"], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize("program", ["client", "compute_node", "coordinator", "web"])
def test_a_program_that_lacks_nothing_runs(program: str) -> None:
    done = start("pass", program)
    assert done.returncode == 0 and done.stdout.startswith("roundhouse ")


@pytest.mark.parametrize("program", ["client", "compute_node", "coordinator"])
def test_a_missing_package_is_one_line(program: str) -> None:
    failed = start("sys.modules['numpy'] = None", program)
    assert failed.returncode == 1 and failed.stdout == ""
    assert failed.stderr.startswith(f"{program}: ") and failed.stderr.count("\n") == 1
    assert "numpy" in failed.stderr and "`make setup`" in failed.stderr


def test_a_missing_c_codec_is_told_with_how_to_get_it() -> None:
    failed = start("sys.modules['thrift.protocol.fastbinary'] = None")
    assert failed.returncode == 1
    assert failed.stderr == (
        "client: thrift lacks its C codec (fastbinary); install a wheel: pip install --only-binary :all: thrift\n"
    )


def test_a_bug_of_ours_stays_loud() -> None:
    failed = start("import rpc.errors; del rpc.errors.BadData")
    assert failed.returncode == 1 and "Traceback" in failed.stderr


@pytest.mark.parametrize("script", sorted(ROOT.glob("*.py")), ids=lambda script: script.name)
def test_each_script_begins_so(script: Path) -> None:
    assert "from rpc.starting import start" in script.read_text()
