"""The image of the Dockerfile and the services of compose.yaml, built and started for real on an engine of the test's.

No registry is in reach: the base is an image of Debian's packages, with the wheels beside it that pip would fetch, and
the database is PostgreSQL of this machine in that base.
"""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import httpx2 as httpx
import pytest

from roundhouse import connect
from rpc.trust import Trust
from tests.compute_node.scripts.base_image import base_image
from tests.compute_node.scripts.conftest import need
from tests.compute_node.scripts.engines import docker_engine
from tests.system.cluster import LETTERS, ROOT, wait_until

pytestmark = pytest.mark.timeout(300)  # to build the image

EXTRAS = "postgres,web"
SITE = ("/opt/roundhouse/lib/python3.11/site-packages",)
# As the official image has it: a database of this name and user, from this password.
DATABASE = """\
#!/bin/sh
set -e
mkdir -p /var/lib/postgresql/data && chown 65534 /var/lib/postgresql/data
cd /tmp
printf %s "$POSTGRES_PASSWORD" > /tmp/password && chown 65534 /tmp/password
run() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }
if [ ! -s /var/lib/postgresql/data/PG_VERSION ]; then
    run BIN/initdb -D /var/lib/postgresql/data -A scram-sha-256 -U "$POSTGRES_USER" \\
        --pwfile=/tmp/password --no-sync --encoding UTF8 --locale C
    echo "CREATE DATABASE $POSTGRES_DB" | run BIN/postgres --single -D /var/lib/postgresql/data postgres
fi
echo "host all all all scram-sha-256" >> /var/lib/postgresql/data/pg_hba.conf
exec setpriv --reuid=65534 --regid=65534 --clear-groups \
    BIN/postgres -D /var/lib/postgresql/data -c listen_addresses='*' -c unix_socket_directories=/tmp
"""
REACH = """
import socket
for name, port in (("coordinator", 9095), ("web", 5000), ("database", 5432)):
    try:
        socket.create_connection((name, port), 3).close()
        print(name, True)
    except OSError:
        print(name, False)
"""
OVERRIDE = """\
services:
  database:
    entrypoint: [/bin/sh, /database.sh]
    volumes: ["/usr:/usr:ro", "FOLDER/database.sh:/database.sh:ro"]
    healthcheck:
      test: [CMD, BIN/pg_isready, --host, 127.0.0.1, --username, roundhouse]
"""


def compose(url: str, *words: object, environment: dict[str, str] | None = None) -> str:
    """What docker-compose prints."""
    variables = os.environ | {"DOCKER_HOST": url, "COMPOSE_PROJECT_NAME": "roundhouse"} | (environment or {})
    done = subprocess.run(
        ["docker-compose", *map(str, words)], cwd=ROOT, env=variables, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def docker(url: str, *words: object) -> str:
    done = subprocess.run(
        ["docker", "--host", url, *map(str, words)], cwd=ROOT, env=os.environ | {"DOCKER_BUILDKIT": "0"},
        capture_output=True, text=True, timeout=280,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def engine() -> Iterator[str]:
    need("dockerd")
    need("mmdebstrap")
    need("docker-compose")
    with docker_engine() as url:
        yield url


@pytest.fixture(scope="module")
def image(engine: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The image, as its Dockerfile says."""
    base_image(engine, "localhost/base:1")
    folder = tmp_path_factory.mktemp("base")
    wheels(folder / "wheels")
    (folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    (folder / "Dockerfile").write_text("FROM localhost/base:1\nCOPY pip.conf /etc/pip.conf\nCOPY wheels /wheels\n")
    docker(engine, "build", "--network", "none", "--tag", "localhost/base-with-wheels:1", folder)
    given = ("--build-arg", "BASE=localhost/base-with-wheels:1", "--build-arg", f"EXTRAS={EXTRAS}")
    docker(engine, "build", "--network", "none", *given, "--tag", "roundhouse:test", ".")
    return "roundhouse:test"


def wheels(folder: Path) -> None:
    """What pip needs to install us in the image."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["project"]["dependencies"],
        *chain(*(project["project"]["optional-dependencies"][each] for each in EXTRAS.split(","))),
    ]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--dest", str(folder), "--only-binary", ":all:"]
    wanted = ["--python-version", "3.11", "--constraint", str(ROOT / "constraints.txt")]
    subprocess.run([*command, *wanted, *asked, *project["build-system"]["requires"]], check=True, timeout=200)


def test_the_image_is_small_runs_as_nobody_and_holds_no_more_than_it_needs(engine: str, image: str) -> None:
    config = "{{.Config.User}} {{.Config.Entrypoint}}"
    assert docker(engine, "inspect", "--format", config, image).split() == ["10001:10001", "[roundhouse]"]
    assert docker(engine, "run", "--rm", "--network", "none", image, "--version").startswith("roundhouse ")
    size = int(docker(engine, "inspect", "--format", "{{.Size}}", image))
    below = int(docker(engine, "inspect", "--format", "{{.Size}}", "localhost/base-with-wheels:1"))
    assert size - below < 300_000_000, f"{(size - below) / 1e6:.0f} MB"
    places = docker(engine, "run", "--rm", "--network", "none", "--entrypoint", "ls", image, "/", *SITE).split()
    assert "rpc" in places and not {"tests", "bench", "build", "wheel"} & {*places}


def test_a_change_of_our_code_leaves_the_layer_of_what_we_stand_on_as_it_is(
    engine: str, image: str, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    names = ["client", "compute_node", "coordinator", "gen-py", "letters", "mlcore", "roundhouse", "rpc", "web"]
    for name in names:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("Dockerfile", ".dockerignore", "LICENSE", "README.md", "constraints.txt", "pyproject.toml"):
        shutil.copy2(ROOT / name, copy / name)
    with (copy / "client" / "cli.py").open("a") as file:
        file.write("# changed\n")
    given = ("--build-arg", "BASE=localhost/base-with-wheels:1", "--build-arg", f"EXTRAS={EXTRAS}")
    said = docker(engine, "build", "--network", "none", *given, copy)
    assert said.count("Using cache") >= 4 and "needed.txt" in said.partition("COPY . .")[0]


def test_no_service_has_an_image_that_may_change(engine: str) -> None:
    said = compose(engine, "config")
    images = [line.split("image:")[1].strip() for line in said.splitlines() if "image:" in line]
    assert len(images) == 6
    assert all(":" in each and not each.endswith("latest") for each in images)


def check_web(url: str, token: str, job_id: str) -> None:
    """The dashboard and REST are there, for who calls them by a name of loopback, and shows a token."""
    with httpx.Client(base_url=url, timeout=60) as http:
        wait_until(lambda: answers(http), "the web serves", 60)
        assert http.get(f"/api/v1/jobs/{job_id}").status_code == 401
        http.headers["Authorization"] = f"Bearer {token}"
        assert http.get(f"/api/v1/jobs/{job_id}").json()["row"]["state"] == "completed"
        page = http.get("/", headers={"Accept": "text/html"})
        assert page.status_code == 200 and "Roundhouse" in page.text
        assert http.get("/health", headers={"Host": "evil.example"}).status_code == 403


def answers(http: httpx.Client) -> bool:
    try:
        return http.get("/health").status_code == 200
    except httpx.TransportError:
        return False


def test_compose_starts_a_cluster_that_trains_and_runs_jobs(engine: str, image: str, tmp_path: Path) -> None:
    programs = Path(glob.glob("/usr/lib/postgresql/*/bin")[-1])
    (tmp_path / "database.sh").write_text(DATABASE.replace("BIN", str(programs)))
    override = tmp_path / "override.yaml"
    override.write_text(OVERRIDE.replace("BIN", str(programs)).replace("FOLDER", str(tmp_path)))
    files = ("--file", "compose.yaml", "--file", override)
    settings = {
        "ROUNDHOUSE_IMAGE": image,
        "POSTGRES_IMAGE": "localhost/base:1",
        "ROUNDHOUSE_PORT": "0",
        "ROUNDHOUSE_HTTP_PORT": "0",
        "ROUNDHOUSE_ALLOW_WEAK_SANDBOX": "true",
    }
    try:
        compose(engine, *files, "up", "--detach", "--no-build", environment=settings)
        address = compose(engine, *files, "port", "coordinator", "9095", environment=settings).strip()
        admin, authority = tmp_path / "admin.token", tmp_path / "authority.pem"
        for place, copy in (("/keys/admin.token", admin), ("/data/tls/authority.pem", authority)):
            copy.write_text(compose(engine, *files, "exec", "-T", "coordinator", "cat", place, environment=settings))
        with connect(address, token_file=admin, trust=Trust(ca=str(authority))) as session:
            run = session.submit(str(LETTERS), rounds=2, epochs=1, hidden=8, eta=0.0001)
            assert len(run.wait(60).model_sha256) == 64
            job = session.submit_script(code="import os; print(os.getuid())")
            job.wait(60)
            assert [record.text for record in job.logs() if record.stream == "o"] == ["10001"]
            assert "PostgreSQL" in session.status().store
        web = compose(engine, *files, "port", "web", "5000", environment=settings).strip()
        assert web.startswith("127.0.0.1:")
        check_web(f"http://{web}", admin.read_text().strip(), job.id)
        names = ("exec", "-T", "node1", "ls", "-A", "/keys", "/introduction")
        assert compose(engine, *files, *names, environment=settings).split() == [
            "/introduction:", "authority.pem", "token", "/keys:",
        ]  # fmt: skip
        outside = ("exec", "-T", "node1", "python3", "-c", REACH)
        said = compose(engine, *files, *outside, environment=settings)
        assert said.split() == ["coordinator", "True", "web", "False", "database", "False"], said
    except BaseException:
        print(compose(engine, *files, "logs", "--tail", "40", environment=settings))
        raise
    finally:
        compose(engine, *files, "down", "--volumes", "--timeout", "10", environment=settings)
