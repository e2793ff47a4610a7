"""Script jobs in images of their own, from the command line to a real engine; who must not fetch one passes it on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from rpc.errors import ExitCode
from tests.compute_node.scripts.base_image import base_image
from tests.compute_node.scripts.conftest import need
from tests.compute_node.scripts.engines import docker_engine
from tests.compute_node.scripts.registry import built, image_registry, pushed
from tests.compute_node.scripts.test_environments import wheel
from tests.system.cluster import Cluster, Program, wait_until
from tests.system.test_script_jobs import client


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    need("dockerd")
    with docker_engine() as url:
        yield url


@pytest.fixture(scope="module")
def base(engine: str) -> str:
    """The id of an image with a Python of its own."""
    need("mmdebstrap")
    return base_image(engine, "localhost/base:1")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    folder.chmod(0o755)  # for the user that installs
    wheel(folder, "rh_alpha")
    return folder


@pytest.fixture(scope="module")
def cluster(engine: str, base: str, wheels: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A node that fetches no images, and one that does if they are named by digest, and builds; both install wheels."""
    with ExitStack() as stack:
        cluster = stack.enter_context(Cluster(tmp_path_factory.mktemp("images"), nodes=0))
        for name, more in (("closed", ()), ("open", ("--docker-pull", "pinned", "--build-images"))):
            join = ("--join", f"127.0.0.1:{cluster.coordinator.port}", "--name", name, "--label", f"door={name}")
            given = ("--docker-url", engine, "--package-index", str(wheels), *more)
            node = Program("compute_node.py", *join, *given)
            stack.callback(node.stop)
            node.next_line()
        yield cluster


def test_a_node_that_must_not_fetch_an_image_passes_its_job_on(cluster: Cluster, engine: str) -> None:
    need("docker-registry")
    code = "import os; print('ours' in os.listdir('/'))"
    with image_registry() as registry:
        name = f"{registry}/ours/python:1"
        built(engine, name, {"Dockerfile": "FROM localhost/base:1\nRUN touch /ours"})
        image = pushed(engine, name)
        job = client(cluster, "submit", code, "--image", image, "--select", "door=closed", "--retries", "0")
        job_id = job.stdout.strip()
        declined = f"image {image} is not on this node, which pulls none"
        wait_until(lambda: declined in client(cluster, "events", "--run", job_id).stdout, declined)
        assert declined not in client(cluster, "logs", job_id).stdout  # which would fill up with it
        client(cluster, "jobs", "cancel", job_id)
        done = client(cluster, "submit", code, "--image", image, "--follow", "--retries", "0")
    assert (done.status, done.stdout) == (ExitCode.DONE, "True\n"), done.stderr
    assert client(cluster, "jobs", "show", "latest", "--json").json["sandbox"] == "docker"


def test_a_container_sees_its_data_sets_and_what_its_requirements_name(
    cluster: Cluster, base: str, tmp_path: Path
) -> None:
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "a.csv").write_text("1,2\n")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "requirements.txt").write_text("rh-alpha==1.0\n")
    (tmp_path / "job" / "main.py").write_text(
        "import json, os, rh_alpha, sys\n"
        "rows = open('data/mine/a.csv').read()\n"
        "json.dump([rows, rh_alpha.__file__, sys.version_info[:2]], open('out/found.json', 'w'))\n"
    )
    with_data = ("--dataset", f"mine={tmp_path / 'rows'}", "--dataset", f"more={tmp_path / 'rows'}")
    done = client(cluster, "submit", tmp_path / "job", *with_data, "--image", base, "--wait")
    assert done.status == ExitCode.DONE, done.stderr
    client(cluster, "artifacts", done.stdout.strip(), "--out", tmp_path / "results")
    rows, module, _ = json.loads((tmp_path / "results" / "found.json").read_text())
    assert rows == "1,2\n" and "/environments/" in module


def test_a_job_brings_its_own_image_and_one_that_cannot_be_built_is_tried_once(
    cluster: Cluster, base: str, tmp_path: Path
) -> None:
    job = tmp_path / "job"
    job.mkdir()
    (job / "main.py").write_text("print(open('/made').read())")
    (job / "Dockerfile").write_text(f"FROM {base}\nRUN echo by the bundle > /made\n")
    done = client(cluster, "submit", job, "--select", "door=open", "--follow")
    assert (done.status, done.stdout.strip()) == (ExitCode.DONE, "by the bundle"), done.stderr
    log = client(cluster, "logs", "latest").stdout
    assert "the image of the bundle's Dockerfile is built" in log and "RUN echo by the bundle > /made" in log
    assert client(cluster, "jobs", "show", "latest", "--json").json["sandbox"] == "docker"

    (job / "Dockerfile").write_text(f"FROM {base}\nRUN exit 3\n")
    failed = client(cluster, "submit", job, "--select", "door=open", "--wait", "--retries", "5")
    assert failed.status == ExitCode.FAILED
    assert "bad image: Dockerfile:2: exit status 3" in failed.stderr
    assert client(cluster, "logs", "latest").stdout.count("RUN exit 3") == 1
