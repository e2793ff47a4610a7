"""Each level tried at a node's start by really running a small job in it: what does not work there is not offered."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from compute_node.scripts.box import Box, Level
from compute_node.scripts.cage import NotStarted
from compute_node.scripts.cgroups import Parents
from compute_node.scripts.interpreters import HERE
from compute_node.scripts.levels import LevelReport
from compute_node.scripts.orders import Ended, News, NoStart, Start, Started
from compute_node.scripts.short_job import run_to_end

_PROBE_S = 30.0
_WORDS = 2000  # of a probe's output that are kept
_WORKS = "it works"
# The job looks for itself whether it is where it should be; its last line tells.
_JOB = """\
import os, sys
assert os.getuid(), "it runs as root"
open(os.environ["JOB_OUT"] + "/probe", "w").close()
if sys.argv[1] != "rlimits":
    assert not os.access("/", os.W_OK), "it may write to /"
    assert sum(name.isdigit() for name in os.listdir("/proc")) < 10, "it sees processes of the machine"
    assert len(open("/proc/net/route").readlines()) <= 1, "it has a network"
print("it works")
"""


def probe(level: Level, folder: Path, parents: Parents, *, engine: str = "") -> LevelReport:
    """Run a small job at a level, in a folder of its own below `folder`, and report."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="probe-", ignore_cleanup_errors=True) as own:
        try:
            box = _box(level, Path(own), engine)
            start = Start(box, level, parents, engine=engine, node="probe")
            words, news = run_to_end(start, _PROBE_S, _WORDS)
        except (NotStarted, OSError) as error:
            return LevelReport(level, reason=str(error))
    return _report(level, words, news)


def node_python() -> tuple[str, tuple[str, ...]]:
    """The Python that runs the node, for jobs: its path, and the folders that it needs."""
    folders = dict.fromkeys(os.path.realpath(prefix) for prefix in (sys.prefix, sys.base_prefix))
    return HERE.program, tuple(folder for folder in folders if folder != "/usr")


def _box(level: Level, folder: Path, engine: str) -> Box:
    (folder / "bundle").mkdir()
    (folder / "bundle" / "main.py").write_text(_JOB)
    python, read_only = node_python()
    image = ""
    if level is Level.DOCKER:
        from compute_node.scripts.engine import bare_image  # slow to load, and needed by few

        # No image need be there: the machine's own /usr, in an image of nothing, does as well.
        python, read_only, image = "python3", ("/usr",), bare_image(engine)
    argv = (python, "main.py", str(level))
    return Box(folder.name.lower(), str(folder), argv, read_only=read_only, image=image)


def _report(level: Level, words: str, news: list[News]) -> LevelReport:
    last = words.splitlines()[-1] if words else "no word"
    match news:
        case [Started(enforced), *_, Ended(exit_status=0)] if last == _WORKS:
            return LevelReport(level, enforced)
        case [*_, NoStart(reason)]:
            return LevelReport(level, reason=f"{reason}: {last}" if words else reason)
        case [*_, Ended(status, cause)]:
            return LevelReport(level, reason=f"its probe ended with {cause or f'status {status}'}: {last}")
    return LevelReport(level, reason=f"its probe did not end within {_PROBE_S:.0f} s")
