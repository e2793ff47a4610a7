"""Environments are built once, by wheels alone, kept as long as there is room, and never half."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier, Event, Lock

import pytest

from compute_node.cache import Cache, CacheSettings
from compute_node.scripts.environments import Ended, Environments
from compute_node.scripts.packages import folder_source, index_source, variables_of_a_build
from compute_node.scripts.requirements import Requirements, read_requirements
from compute_node.scripts.stopping import StopSign
from rpc.errors import Cancelled, SetupFailed, TrainerError

ONE, TWO, THREE = (read_requirements(f"rh-{name}==1.0".encode()) for name in ("alpha", "beta", "gamma"))


def wheel(folder: Path, name: str, requires: Sequence[str] = ()) -> None:
    """A wheel of one module and one program that prints its name."""
    info = f"{name}-1.0.dist-info"
    needs = "".join(f"Requires-Dist: {each}\n" for each in requires)
    files = {
        f"{name}.py": f"def main():\n    print('{name}')\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{needs}",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}={name}:main\n",
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as packing:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            packing.writestr(path, text)


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels of a node")
    wheel(folder, "rh_alpha", ["rh-beta>=1"])
    wheel(folder, "rh_beta")
    (folder / "rh_gamma-1.0.tar.gz").write_bytes(b"a source package, which would run its code")
    return folder


class Runner:
    """Runs the commands without a sandbox, and keeps them."""

    def __init__(self) -> None:
        self.commands: list[list[str]] = []
        self.variables: list[Mapping[str, str]] = []
        self._lock = Lock()

    def __call__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, timeout_s: float, *, stop: StopSign, image: str
    ) -> Ended:
        with self._lock:
            self.commands.append(list(argv))
            self.variables.append(env)
        try:
            done = subprocess.run(argv, env=env, cwd=cwd, timeout=timeout_s, capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            return Ended(None, "")
        return Ended(done.returncode, done.stdout + done.stderr)


@pytest.fixture
def runner() -> Runner:
    return Runner()


Open = Callable[..., Environments]


@pytest.fixture
def opened(tmp_path: Path, wheels: Path, runner: Runner) -> Iterator[Open]:
    with ExitStack() as stack:

        def opening(run: object = runner, **settings: float) -> Environments:
            made = Environments(tmp_path / "kept", run, folder_source(wheels), **settings)  # type: ignore[arg-type]
            stack.callback(made.close)
            return made

        yield opening


def printed(*command: str | Path) -> str:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()


def test_a_job_has_what_it_asked_for_and_nothing_else(opened: Open) -> None:
    with opened().use(ONE) as environment:
        assert printed(environment.python, "-c", "import rh_alpha, rh_beta; rh_alpha.main()") == "rh_alpha"
        assert printed(environment.python.parent / "rh_alpha") == "rh_alpha"
        own = "import importlib.util as u; print([u.find_spec(name) for name in ('numpy', 'rpc', 'pip')])"
        assert printed(environment.python, "-I", "-c", own) == "[None, None, None]"
        assert environment.folder is not None
        assert not (environment.folder / "scratch").exists()


def test_a_job_without_requirements_has_what_the_node_has(opened: Open, runner: Runner) -> None:
    with opened().use(Requirements()) as environment:
        assert (environment.python, environment.folder) == (Path(sys.executable), None)
    assert runner.commands == []


def test_an_environment_is_built_once_and_outlives_the_node(opened: Open, runner: Runner) -> None:
    environments = opened()
    with environments.use(TWO) as first:
        pass
    with environments.use(TWO) as second:
        assert second == first
    environments.close()
    with opened().use(TWO) as third:
        assert third == first
    assert len(runner.commands) == 2


def test_all_that_ask_at_the_same_time_wait_for_one_build(opened: Open, runner: Runner) -> None:
    environments = opened()
    together = Barrier(4)

    def ask(_: int) -> Path:
        together.wait(timeout=30)
        with environments.use(TWO) as environment:
            return environment.python

    with ThreadPoolExecutor(4) as threads:
        assert len(set(threads.map(ask, range(4)))) == 1
    assert len(runner.commands) == 2


def test_what_cannot_be_installed_says_what_pip_said_and_may_be_tried_again(opened: Open, tmp_path: Path) -> None:
    environments = opened()
    for _ in range(2):
        reason = r"status 1.*ERROR: No matching distribution found for rh-gamma==1\.0"
        with pytest.raises(SetupFailed, match=reason), environments.use(THREE):
            pass
    assert [path.name for path in (tmp_path / "kept").iterdir()] == ["lock"]


def test_a_build_has_an_end(opened: Open) -> None:
    with pytest.raises(SetupFailed, match=r"stopped after 0\.01 s"), opened(timeout_s=0.01).use(TWO):
        pass


class Halting:
    """Stops the first command as a cancelled job would; the others run."""

    def __init__(self, runner: Runner) -> None:
        self.began, self.go_on = Event(), Event()
        self._runner = runner

    def __call__(
        self, argv: Sequence[str], env: Mapping[str, str], cwd: Path, timeout_s: float, *, stop: StopSign, image: str
    ) -> Ended:
        if not self.began.is_set():
            self.began.set()
            assert self.go_on.wait(timeout=30)
            raise Cancelled("the job was cancelled")
        return self._runner(argv, env, cwd, timeout_s, stop=stop, image=image)


def test_who_waits_for_a_build_that_is_cancelled_builds_it(opened: Open, runner: Runner) -> None:
    run = Halting(runner)
    environments = opened(run)

    def ask() -> Path:
        with environments.use(TWO) as environment:
            return environment.python

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ask)
        assert run.began.wait(timeout=30)
        second = threads.submit(ask)
        run.go_on.set()
        with pytest.raises(Cancelled):
            first.result(timeout=30)
        assert second.result(timeout=30).exists()


def test_who_is_stopped_while_it_waits_for_a_build_waits_no_longer_and_disturbs_nobody(
    opened: Open, runner: Runner
) -> None:
    run = Halting(runner)
    environments = opened(run)
    stop = StopSign()

    def ask(stop: StopSign) -> Path:
        with environments.use(TWO, stop) as environment:
            return environment.python

    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(ask, StopSign())
        assert run.began.wait(timeout=30)
        waiting, stopped = threads.submit(ask, StopSign()), threads.submit(ask, stop)
        stop.give()
        with pytest.raises(Cancelled):
            stopped.result(timeout=30)
        assert not waiting.done()
        run.go_on.set()
        with pytest.raises(Cancelled):
            first.result(timeout=30)
        assert waiting.result(timeout=30).exists()
    with pytest.raises(Cancelled), environments.use(THREE, stop):
        pass


def kept(folder: Path) -> set[str]:
    """The environments in the folder of a node, by what they have."""
    marks = [json.loads(mark.read_bytes()) for mark in (folder / "kept").glob("*/whole.json")]
    assert all(mark["bytes"] > 1000 for mark in marks)
    return {requirement for mark in marks for requirement in mark["requirements"]}


def tidy(environments: Environments, max_bytes: int) -> None:
    cache = Cache(CacheSettings(max_bytes))
    cache.add(environments)
    cache.tidy()


def test_the_least_recently_used_go_first_and_none_that_is_in_use(opened: Open, tmp_path: Path, runner: Runner) -> None:
    environments, other = opened(), read_requirements(b"rh-beta>=1")
    for requirements in (ONE, TWO, other, ONE):
        with environments.use(requirements):
            pass
    assert kept(tmp_path) == {"rh-alpha==1.0", "rh-beta==1.0", "rh-beta>=1"}
    tidy(environments, 300_000)  # room for two
    assert kept(tmp_path) == {"rh-alpha==1.0", "rh-beta>=1"}
    environments.close()
    environments = opened()
    with environments.use(other) as environment:
        tidy(environments, 1)
        assert kept(tmp_path) == {"rh-beta>=1"}
        environments.drop(other.digest)  # decided before it came into use
        assert environment.python.exists()
    built = len(runner.commands)
    with environments.use(ONE) as again:
        assert again.python.exists()
    assert len(runner.commands) == built + 2


def test_what_a_killed_node_left_unfinished_is_removed(opened: Open, tmp_path: Path, runner: Runner) -> None:
    folder = tmp_path / "kept"
    for name in (TWO.digest, "dropped-x", "0" * 64):
        (folder / name / "bin").mkdir(parents=True)
    (folder / ("0" * 64) / "whole.json").write_text("")
    with opened().use(TWO) as environment:
        assert environment.python.exists()
    assert {path.name for path in folder.iterdir()} == {"lock", TWO.digest}
    assert len(runner.commands) == 2


def test_an_environment_that_somebody_removed_is_built_again(opened: Open) -> None:
    environments = opened()
    with environments.use(TWO) as environment:
        assert environment.folder is not None
    shutil.rmtree(environment.folder)
    with environments.use(TWO) as again:
        assert again.python.exists()


def test_two_nodes_do_not_share_a_folder(opened: Open) -> None:
    opened()
    with pytest.raises(TrainerError, match="in use"):
        opened()


def test_pip_has_nothing_of_the_node_but_its_index(tmp_path: Path) -> None:
    node = {
        "PIP_INDEX_URL": "https://example.com/simple",
        "PIP_EXTRA_INDEX_URL": "https://elsewhere.example.com",
        "PIP_CONSTRAINT": "mine.txt",
        "https_proxy": "http://proxy.example.com",
        "ROUNDHOUSE_TOKEN": "secret",
        "HOME": "/home/operator",
    }
    variables = variables_of_a_build(index_source(node), tmp_path)
    assert {name for name in variables if name in node} == {"PIP_INDEX_URL", "https_proxy", "HOME"}
    assert variables["HOME"] == str(tmp_path)
    assert variables["PIP_CONFIG_FILE"] == os.devnull
    named = index_source(node, "https://user:password@example.org/simple")
    assert variables_of_a_build(named, tmp_path)["PIP_INDEX_URL"] == "https://user:password@example.org/simple"
    assert named.options == ()  # other users of the machine can read arguments
