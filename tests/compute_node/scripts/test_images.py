"""Images that jobs name, on a real engine: what is here is used, what is not is fetched where that is allowed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from compute_node.scripts import engine as engines
from compute_node.scripts.box import Level
from compute_node.scripts.building import Builder
from compute_node.scripts.environments import Environments
from compute_node.scripts.images import Images
from compute_node.scripts.interpreters import HERE
from compute_node.scripts.levels import LevelReport, Pull, Sandboxes
from compute_node.scripts.packages import folder_source
from compute_node.scripts.requirements import read_requirements
from compute_node.scripts.settings import ScriptSettings
from compute_node.scripts.stopping import StopSign
from rpc.errors import BadRequest, Cancelled, RejectReason, SetupFailed, TaskRejected
from tests.compute_node.scripts.conftest import need
from tests.compute_node.scripts.jobs import Jobs
from tests.compute_node.scripts.registry import built, image_registry, pushed
from tests.compute_node.scripts.test_environments import wheel


@pytest.fixture(scope="session")
def registry() -> Iterator[str]:
    need("docker-registry")
    with image_registry() as address:
        yield address


@pytest.fixture
def builder(engine: str, tmp_path: Path) -> Builder:
    """Builds in containers, from a folder with the wheel `rh-alpha`."""
    for name in ("wheels", "jobs"):
        (tmp_path / name).mkdir()
    wheel(tmp_path / "wheels", "rh_alpha")
    sandboxes = Sandboxes({Level.DOCKER: LevelReport(Level.DOCKER)})
    settings, source = ScriptSettings(engine=engine), folder_source(tmp_path / "wheels")
    return Builder(tmp_path / "jobs", sandboxes, settings, parents={}, source=source, node="tests")


def nobody(text: str) -> None:
    """What is told goes nowhere."""


def is_here(url: str, image: str) -> bool:
    with closing(engines.connect(url)) as api:
        return any(image in (each["RepoTags"] or []) + (each["RepoDigests"] or []) for each in api.images())


def test_an_image_that_is_here_has_a_python_of_its_own(engine: str, base: str, builder: Builder) -> None:
    found = Images(engine, Pull.NEVER, builder).interpreter(base, nobody, StopSign())
    assert found.image.startswith("sha256:") and found.program == "python3"
    assert found.identity != HERE.identity
    assert found.markers["sys_platform"] == "linux"


def test_requirements_are_installed_for_the_python_of_the_image(
    engine: str, base: str, builder: Builder, tmp_path: Path
) -> None:
    images = Images(engine, Pull.NEVER, builder)
    interpreter = images.interpreter(base, nobody, StopSign())
    version = interpreter.markers["python_full_version"]
    text = f"rh-alpha==1.0; python_full_version == '{version}'\nnowhere==1; python_full_version != '{version}'"
    asked = read_requirements(text.encode(), interpreter=interpreter)
    assert asked.lines == ("rh-alpha==1.0",)
    assert asked.digest != read_requirements(b"rh-alpha==1.0").digest
    environments = Environments(tmp_path / "environments", builder, folder_source(tmp_path / "wheels"))
    with (
        environments.use(asked) as environment,
        Jobs(Level.DOCKER, tmp_path, engine) as jobs,
    ):
        assert environment.folder is not None
        box = jobs.box(
            "import rh_alpha, sys; print(rh_alpha.__file__, sys.version.split()[0])",
            image=interpreter.image, read_only=(str(environment.folder),), python=str(environment.python),
        )  # fmt: skip
        job = jobs.start_box(box)
        assert job.end().exit_status == 0, job.errors
        assert job.output.decode().split()[0].startswith(str(environment.folder))
        assert job.output.decode().split()[1] == version
    environments.close()


def test_a_node_fetches_nothing_unless_its_owner_has_it(engine: str, builder: Builder) -> None:
    image = "127.0.0.1:1/nothing@sha256:" + "0" * 64
    with pytest.raises(TaskRejected, match=r"is not on this node, which pulls none \(--docker-pull") as refusal:
        Images(engine, Pull.NEVER, builder).interpreter(image, nobody, StopSign())
    assert refusal.value.reason is RejectReason.OPERATOR


def test_by_digest_or_by_any_name_an_image_is_fetched_as_allowed(
    engine: str, base: str, builder: Builder, registry: str
) -> None:
    name = f"{registry}/ours/python:7"
    built(engine, name, {"Dockerfile": f"FROM {base}\nLABEL made=here"})
    pinned = pushed(engine, name)
    assert not is_here(engine, pinned)
    told: list[str] = []
    found = Images(engine, Pull.PINNED, builder).interpreter(pinned, told.append, StopSign())
    assert is_here(engine, pinned) and found.program == "python3"
    assert told[0] == f"image {pinned} is pulled"
    with pytest.raises(TaskRejected, match="which pulls by digest alone"):
        Images(engine, Pull.PINNED, builder).interpreter(name, nobody, StopSign())
    assert Images(engine, Pull.ALLOW, builder).interpreter(name, nobody, StopSign()).image == found.image


def test_an_image_that_its_registry_does_not_have_is_a_failed_set_up(
    engine: str, builder: Builder, registry: str
) -> None:
    for place in (registry, "127.0.0.1:1"):
        with pytest.raises(SetupFailed, match=r"cannot be pulled|refuses"):
            Images(engine, Pull.PINNED, builder).interpreter(f"{place}/none@sha256:{'0' * 64}", nobody, StopSign())


def test_who_is_not_wanted_any_more_waits_for_no_image(engine: str, base: str, builder: Builder, registry: str) -> None:
    name = f"{registry}/ours/late:1"
    built(engine, name, {"Dockerfile": f"FROM {base}\nLABEL made=late"})
    pinned = pushed(engine, name)

    stop = StopSign()
    stop.give()
    with pytest.raises(Cancelled):
        Images(engine, Pull.PINNED, builder).interpreter(pinned, nobody, stop)


def test_an_image_without_python_is_the_jobs_mistake(engine: str, builder: Builder) -> None:
    built(engine, "localhost/empty:1", {"Dockerfile": "FROM scratch\nCOPY file /file", "file": "x"})
    with pytest.raises(BadRequest, match="localhost/empty:1 cannot run Python programs"):
        Images(engine, Pull.NEVER, builder).interpreter("localhost/empty:1", nobody, StopSign())


def test_an_engine_that_is_gone_is_a_failed_set_up(builder: Builder) -> None:
    with pytest.raises(SetupFailed, match="image x: container engine unix:///nowhere"):
        Images("unix:///nowhere", Pull.NEVER, builder).interpreter("x", nobody, StopSign())
