"""A node that only trains needs nothing that Linux alone has."""

from __future__ import annotations

import subprocess
import sys

from tests.system.cluster import ROOT

LINUX_ALONE = ("job_users", "trees", "kernel", "watchdog", "cgroups", "reaping", "guard", "nursery")
CODE = "import sys, compute_node.cli; print(*[n for n in sys.modules if n.startswith('compute_node.scripts.')])"


def test_what_runs_script_jobs_is_not_loaded_with_the_node() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = {name.rpartition(".")[2] for name in done.stdout.split()}
    assert "service" in loaded
    assert loaded.isdisjoint(LINUX_ALONE)
