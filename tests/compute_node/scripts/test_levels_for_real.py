"""What every level does for an ordinary job, in real sandboxes: output, status, files, limits, the end."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from compute_node.scripts.box import MIB, Level
from compute_node.scripts.cgroups import find_parents
from compute_node.scripts.orders import Ended, NoStart, Started, Used
from compute_node.scripts.probing import probe
from tests.compute_node.scripts.jobs import Jobs, assert_gone

FOREVER = "import time\nprint('up')\ntime.sleep(1000)"
DEEP = "import os\nfor _ in range(3000):\n    os.mkdir('d')\n    os.chdir('d')\n" + FOREVER
FORK_BOMB = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
# Eight processes of 60 MB.
FAMILY = "import os\nfor _ in range(3):\n    x = os.urandom(60 << 20)\n    os.fork()\n" + FOREVER


def test_output_and_status_come_out(jobs: Jobs) -> None:
    ended, job = jobs.run("import sys; print('to out'); print('to err', file=sys.stderr); sys.exit(7)")
    assert (job.output, job.errors) == (b"to out\n", b"to err\n")
    assert (ended.exit_status, ended.cause, ended.is_clean) == (7, "", True)
    assert ended.cpu_s > 0 and ended.peak_bytes > MIB


def test_large_output_comes_out_whole(jobs: Jobs) -> None:
    _, job = jobs.run("for i in range(200_000): print(i)")
    assert job.output.split() == [b"%d" % i for i in range(200_000)]


def test_a_signal_that_ended_the_program_is_told(jobs: Jobs) -> None:
    ended, _ = jobs.run("import os; os.kill(os.getpid(), 9)")
    assert (ended.exit_status, ended.cause) == (128 + 9, "")


def test_the_bundle_is_the_current_folder_and_out_is_kept(jobs: Jobs, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.mkdir()
    (table / "rows.csv").write_text("1,2")
    code = """
import os
open("scratch", "w").write("may be written")
open("out/model", "w").write(open("data/mine/rows.csv").read())
open(os.environ["JOB_OUT"] + "/more", "w").close()
open(os.environ["TMPDIR"] + "/x", "w").close()
"""
    ended, job = jobs.run(code, datasets={"mine": str(table)})
    assert ended.exit_status == 0, job.errors
    assert sorted(os.listdir(job.out)) == ["model", "more"]
    assert (job.out / "model").read_text() == "1,2"


def test_a_folder_that_a_job_builds_is_the_nodes_thereafter(jobs: Jobs, tmp_path: Path) -> None:
    built = tmp_path / "built"
    (built / "bin").mkdir(parents=True)
    code = f"import os\nos.chdir({str(built)!r})\nopen('bin/python', 'w').close()\nos.chmod('bin/python', 0o4777)"
    ended, job = jobs.run(code, writable=(str(built),))
    assert ended.exit_status == 0, job.errors
    job.close()
    facts = (built / "bin" / "python").stat()
    assert (facts.st_uid, facts.st_mode & 0o7777) == (os.getuid(), 0o755)
    assert built.stat().st_mode & 0o777 == 0o755
    again, _ = jobs.run(f"import os\nprint(os.listdir({str(built)!r}))\nopen({str(built)!r} + '/x', 'w')",
                        read_only=(str(built),))  # fmt: skip
    assert again.exit_status == 1


def test_what_a_bundle_brings_in_out_is_there(jobs: Jobs) -> None:
    box = jobs.box("print(open('out/brought').read())")
    (Path(box.work) / "out").mkdir()
    (Path(box.work) / "out" / "brought").write_text("hello")
    job = jobs.start_box(box)
    assert job.end().exit_status == 0, job.errors
    assert job.output == b"hello\n"
    assert (job.out / "brought").exists()


def test_variables_are_made_from_nothing(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NODE_TOKEN", "secret")
    _, job = jobs.run("import json, os; print(json.dumps(dict(os.environ)))", env={"LR": "0.1", "JOB_ID": "42"})
    seen = json.loads(job.output)
    assert (seen["LR"], seen["JOB_ID"], seen["PYTHONUNBUFFERED"], seen["LANG"]) == ("0.1", "42", "1", "C.UTF-8")
    assert "NODE_TOKEN" not in seen


def test_a_job_may_have_a_path_of_its_own(jobs: Jobs) -> None:
    ended, job = jobs.run("import os; print(os.environ['PATH'])", env={"PATH": "/nowhere"})
    assert (ended.exit_status, job.output) == (0, b"/nowhere\n"), job.errors


def test_a_program_that_is_not_there_is_told(jobs: Jobs) -> None:
    box = jobs.box("")
    os.remove(f"{box.work}/main.py")
    job = jobs.start_box(box)
    assert job.end().exit_status == 2
    assert b"main.py" in job.errors


def test_a_bundle_with_a_file_named_out_is_refused(jobs: Jobs) -> None:
    box = jobs.box("")
    Path(box.work, "out").write_text("no folder")
    assert "/out" in jobs.start_box(box).next(NoStart).reason


def test_stop_asks_first(jobs: Jobs) -> None:
    job = jobs.start(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (open('out/last', 'w').close(), sys.exit(3)))\n" + FOREVER
    )
    job.next(Started)
    job.wait_for(b"up")
    job.guard.stop(20.0)
    ended = job.end()
    assert (ended.exit_status, ended.cause) == (3, "stopped")
    assert (job.out / "last").exists()


def test_a_job_that_will_not_stop_is_killed_after_its_grace(jobs: Jobs) -> None:
    job = jobs.start("import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + FOREVER)
    job.wait_for(b"up")
    job.guard.stop(0.3)
    ended = job.end()
    assert (ended.exit_status, ended.cause, ended.is_clean) == (137, "stopped", True)


def test_a_lease_that_is_not_renewed_ends_the_job(jobs: Jobs) -> None:
    job = jobs.start(FOREVER, lease_s=5.0)  # a container may take two to start
    job.wait_for(b"up")
    assert job.end().cause == "lease"


def test_a_renewed_lease_lets_it_live(jobs: Jobs) -> None:
    job = jobs.start("import time; time.sleep(4); print('done')", lease_s=3.0)
    job.guard.renew(60.0)
    assert (job.end().cause, job.output) == ("", b"done\n")


def test_children_end_with_the_program(jobs: Jobs) -> None:
    ended, job = jobs.run("import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1000)")
    assert (ended.exit_status, ended.is_clean) == (0, True)
    assert_gone(job.box.name, within_s=0.0)


@pytest.mark.parametrize(
    ("code", "limits", "name"),
    [
        ("import time\nx = bytearray(300 << 20)\ntime.sleep(1000)", {"memory_bytes": 128 * MIB}, "memory"),
        (FORK_BOMB, {"pids": 16}, "pids"),
        ("f = [open(f'out/{i}', 'w') for i in range(9)]\nwhile True:\n    for g in f: g.write('x' * 99999)",
         {"disk_bytes": 64 * MIB}, "disk"),
        ("import os\nf = open('x', 'wb')\nos.remove('x')\nwhile True: f.write(bytes(99999))",
         {"disk_bytes": 64 * MIB}, "disk"),
        ("i = 0\nwhile True:\n    open(f'out/{i}', 'w').close()\n    i += 1", {"files": 500}, "files"),
        (DEEP, {}, "files"),
        (FOREVER, {"time_s": 0.5}, "time"),
    ],
)  # fmt: skip
def test_a_job_over_a_limit_ends_with_its_name(jobs: Jobs, code: str, limits: dict[str, float], name: str) -> None:
    ended, _ = jobs.run(code, limits=limits)
    assert (ended.cause, ended.is_clean) == (f"limit:{name}", True)


def test_more_cores_than_allowed_are_not_had(jobs: Jobs) -> None:
    code = """
import os, time
for _ in range(3): os.fork()
start = time.monotonic()
while time.monotonic() < start + 1.0: pass
os._exit(0) if os.getpid() != 1 else None
"""
    ended, _ = jobs.run(code + "\n", limits={"cpus": 0.25})
    assert ended.cpu_s < 1.0


def test_a_probe_finds_the_level_and_all_its_limits(jobs: Jobs, tmp_path: Path) -> None:
    report = probe(jobs.level, tmp_path, find_parents(), engine=jobs.engine)
    assert report.works, report.reason
    assert str(report).endswith("pids, time_s")


def test_a_level_whose_program_is_gone_is_not_offered(
    jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if jobs.level is Level.RLIMITS:
        return  # it needs none
    monkeypatch.setenv("PATH", "/nonexistent")
    report = probe(jobs.level, tmp_path, {}, engine="unix:///nonexistent")
    assert not report.works


def test_without_groups_the_other_limits_still_hold(level: Level, tmp_path: Path) -> None:
    if level is Level.DOCKER:
        return  # the engine has its own
    with Jobs(level, tmp_path, parents={}) as jobs:
        assert "cpus" not in jobs.start(FOREVER).next(Started).enforced
        for code, name, limits in (
            (
                "import os\nfor _ in range(3):\n    x = os.urandom(60 << 20)\n    os.fork()\n" + FOREVER,
                "memory",
                128 * MIB,
            ),
            ("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", "pids", 16),
        ):
            key = "memory_bytes" if name == "memory" else "pids"
            ended, _ = jobs.run(code, limits={key: limits})
            assert (ended.cause, ended.is_clean) == (f"limit:{name}", True)


def test_an_end_is_told_only_when_nothing_is_left(jobs: Jobs) -> None:
    job = jobs.start(
        "import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\nfor _ in range(4): os.fork()\n" + FOREVER
    )
    job.wait_for(b"up")
    job.guard.stop(0.0)
    assert job.next(Ended).is_clean
    assert_gone(job.box.name, within_s=0.0, but=job.guard.pid)


def test_what_a_job_uses_is_told_while_it_runs(jobs: Jobs) -> None:
    job = jobs.start("held = b'x' * 100_000_000; import time; time.sleep(600)")
    while (used := job.next(Used)).memory_bytes < 100_000_000:
        pass
    assert used.peak_bytes >= 100_000_000
    assert used.processes >= 1
    assert used.cpu_s > 0.0
