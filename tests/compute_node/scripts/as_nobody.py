"""The probes at a level, where the node is not root: `python -m ... LEVEL` prints the names of those that got out."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from compute_node.scripts.box import Level
from tests.compute_node.scripts import probes
from tests.compute_node.scripts.jobs import Jobs, assert_gone
from tests.compute_node.scripts.node_with_secrets import node_with_secrets, secret

UID = 1_950_000_000  # nobody's, and none that a node which is root gives to its jobs
IDLE = "print('up')\nimport time\ntime.sleep(1000)"
KILLER = probes.watchdog_killed.__name__


def main(level: Level) -> None:
    """Run them, and see that nothing of the jobs is left."""
    with tempfile.TemporaryDirectory() as folder, node_with_secrets("/run/docker.sock") as targets:
        with Jobs(level, Path(folder)) as jobs:
            other = jobs.start(IDLE)
            other.wait_for(b"up")
            Path(other.box.work, "secret").write_text(secret())
            code = Path(probes.__file__).read_text()
            told = targets | {"another_job": f"{other.box.work}/secret", "node_pid": str(other.guard.pid)}
            job = jobs.start(code, arguments=(json.dumps(told), f"-{KILLER}"))
            ended = job.end()
            *got_out, _ = job.output.decode().splitlines()
            assert (ended.exit_status, ended.cause) == (0, ""), (ended, job.errors)
            assert other.is_alive()
            killer = jobs.start(code, arguments=(json.dumps(told), KILLER))
            killer.take_all()
            got_out += [KILLER] if killer.output == b"out\n" else []
        for each in (other, job, killer):
            assert_gone(each.box.name, within_s=2.0)
    print(*got_out)


if __name__ == "__main__":
    main(Level(sys.argv[1]))
