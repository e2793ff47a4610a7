"""Jobs in images made to harm: what an image asks for is not done, and no more gets out than of any container."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from compute_node.scripts import engine as engines
from compute_node.scripts.box import Level
from tests.compute_node.scripts import probes
from tests.compute_node.scripts.engines import is_locked_up
from tests.compute_node.scripts.jobs import Jobs
from tests.compute_node.scripts.node_with_secrets import node_with_secrets
from tests.compute_node.scripts.registry import built

# Each line asks for something that the engine would do for whoever runs the image.
DOCKERFILE = """
FROM {base}
RUN cp /usr/bin/python3 /usr/bin/as-root && chmod 6755 /usr/bin/as-root && chmod 4755 /bin/sh
RUN mkdir -p /evil /data && echo 'raise SystemExit("evil")' > /evil/x.py && echo here > /data/here
RUN chmod 777 / /usr /usr/bin /etc /root /data && ln -s / /link
ENV PYTHONPATH=/evil PYTHONSTARTUP=/evil/x.py NVIDIA_VISIBLE_DEVICES=all JOB_OUT=/evil HOME=/evil
ENV PATH=/evil:/usr/bin:/bin
LABEL roundhouse.node=another roundhouse.job=another
VOLUME /data /tmp /job/out /srv/disk /var/lib/disk
HEALTHCHECK --interval=1s --timeout=1s CMD touch /job/out/healthy
WORKDIR /evil
EXPOSE 22
STOPSIGNAL SIGKILL
USER root
ENTRYPOINT ["/bin/sh", "-c", "touch /job/out/entered; exec sleep 1000"]
CMD ["--privileged"]
ONBUILD RUN touch /built
"""


@pytest.fixture(scope="module")
def image(engine: str, base: str) -> str:
    return built(engine, "localhost/hostile:1", {"Dockerfile": DOCKERFILE.format(base=base)})


@pytest.fixture
def contained(engine: str, tmp_path: Path) -> Iterator[Jobs]:
    with Jobs(Level.DOCKER, tmp_path, engine) as jobs:
        yield jobs


def test_no_more_gets_out_than_of_any_container(engine: str, image: str, contained: Jobs) -> None:
    with node_with_secrets(engine.removeprefix("unix://")) as targets:
        code = Path(probes.__file__).read_text()
        job = contained.start(code, image=image, arguments=(json.dumps(targets | {"another_job": "/none"}), "-"))
        ended = job.end()
    assert ended.exit_status == 0, (ended, job.errors)
    *got_out, tried = job.output.decode().splitlines()
    assert (ended.exit_status, tried) == (0, f"tried {len(probes.PROBES)}"), job.errors
    assert got_out == []


def test_a_program_that_is_roots_runs_as_the_job(image: str, contained: Jobs) -> None:
    ask = "import os; print(os.getresuid(), os.getresgid(), open('/proc/self/status').read())"
    code = f"import os, subprocess\nprint(os.getuid(), flush=True)\nsubprocess.run(['as-root', '-I', '-c', {ask!r}])"
    ended, job = contained.run(code, image=image)
    assert ended.exit_status == 0, job.errors
    uid, users, *_ = job.output.decode().splitlines()
    assert int(uid) > 0 and users == f"({uid}, {uid}, {uid}) ({uid}, {uid}, {uid})" + users[users.index("Name") - 1 :]
    assert "CapEff:\t0000000000000000" in job.output.decode()


def test_what_the_image_asks_for_is_not_done(engine: str, image: str, contained: Jobs) -> None:
    job = contained.start("import time; print('up', flush=True); time.sleep(1000)", image=image)
    job.wait_for(b"up")
    with closing(engines.connect(engine)) as api:
        facts: dict[str, Any] = api.inspect_container(f"roundhouse-{job.box.name}")
    config, host = facts["Config"], facts["HostConfig"]
    assert config["Entrypoint"][0] == "python3" and config["Cmd"] == ["python3", "main.py"]
    assert int(config["User"].split(":")[0]) > 0
    assert config["Healthcheck"]["Test"] == ["NONE"]
    assert (config["WorkingDir"], host["PublishAllPorts"], host["PortBindings"] or {}) == ("/job", False, {})
    assert config["Labels"]["roundhouse.node"] == "tests" and config["Labels"]["roundhouse.job"] == job.box.name
    assert {"NVIDIA_VISIBLE_DEVICES=void", "JOB_OUT=/job/out", "HOME=/tmp"} <= {*config["Env"]}
    assert host["ReadonlyRootfs"] and is_locked_up(host)
    assert {each["Destination"] for each in facts["Mounts"] if each["RW"]} == {"/job", "/job/out"}
    job.guard.stop(5.0)
    assert job.end().exit_status == 128 + 15  # asked to end by SIGTERM, as any job


def test_a_place_for_a_disk_is_empty_and_takes_nothing(engine: str, image: str, contained: Jobs) -> None:
    code = (
        "import os\n"
        "print(os.listdir('/data'))\n"
        "for place in ('/', '/data', '/srv/disk', '/var/lib/disk', '/usr/bin'):\n"
        "    try:\n        open(os.path.join(place, 'x'), 'w')\n        print('wrote to', place)\n"
        "    except OSError:\n        pass\n"
        "open('/tmp/x', 'wb').write(bytes(100))\n"
        "print(os.statvfs('/tmp').f_frsize * os.statvfs('/tmp').f_blocks)\n"
    )
    ended, job = contained.run(code, image=image)
    assert ended.exit_status == 0, job.errors
    assert job.output.decode().split() == ["[]", str(256 << 20)]
    assert [*job.out.iterdir()] == []
    with closing(engines.connect(engine)) as api:
        assert not api.volumes()["Volumes"]


def test_the_image_of_a_job_cannot_stand_in_for_what_starts_it(engine: str, base: str, contained: Jobs) -> None:
    lines = f"FROM {base}\nRUN mkdir /.roundhouse-init.py\nVOLUME /.roundhouse-init.py"
    image = built(engine, "localhost/odd:1", {"Dockerfile": lines})
    job = contained.start("print('ran')", image=image)
    job.take_all()
    assert b"ran" not in job.output  # a file cannot be mounted on a folder
