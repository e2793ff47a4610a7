"""Every bad input gets one line naming what, where and what to do; the coordinator serves on."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.system.cluster import ROOT, Cluster, Outcome

GOOD_ROWS = "1,2,3,0\n4,5,6,1\n7,8,9,2\n"
RUN = ("1", "2", "4", "0.0001")

Spoil = Callable[[Path], object]


def remove(*paths: Path) -> None:
    for path in paths:
        path.unlink()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with Cluster(tmp_path_factory.mktemp("cluster"), nodes=1) as cluster:
        yield cluster


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    for name in ("train_x1.txt", "train_x2.txt", "validate_x.txt"):
        (folder / name).write_text(GOOD_ROWS)
    return folder


def run(*arguments: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def assert_one_line(outcome: Outcome, status: int, *parts: str) -> None:
    assert outcome.status == status, outcome
    assert outcome.stderr.count("\n") == 1, outcome.stderr
    assert "Traceback" not in outcome.stderr
    for part in parts:
        assert part in outcome.stderr, (part, outcome.stderr)


BAD_DATA: dict[str, tuple[Spoil, tuple[str, ...]]] = {
    "ragged row": (lambda d: (d / "train_x2.txt").write_text("1,2,3,0\n1,2,0\n"), ("train_x2.txt:2:",)),
    "no number": (lambda d: (d / "train_x1.txt").write_text("1,2,3,0\n1,two,3,0\n"), ("train_x1.txt:2:", "two")),
    "not finite": (lambda d: (d / "train_x1.txt").write_text("1,nan,3,0\n"), ("train_x1.txt:1:",)),
    "label no integer": (lambda d: (d / "train_x1.txt").write_text("1,2,3,0.5\n"), ("train_x1.txt:1:", "label")),
    "negative label": (lambda d: (d / "validate_x.txt").write_text("1,2,3,-1\n"), ("validate_x.txt:1:", "label")),
    "columns differ": (lambda d: (d / "train_x2.txt").write_text("1,2,0\n"), ("train_x2.txt", "2 features", "3")),
    "binary rubbish": (lambda d: (d / "train_x1.txt").write_bytes(bytes(range(256)) * 9), ("train_x1.txt:1:",)),
    "empty shard": (lambda d: (d / "train_x1.txt").write_text(""), ("train_x1.txt", "empty")),
    "no train file": (lambda d: remove(*d.glob("train*")), ("train_<name><N>.txt",)),
    "no validation file": (lambda d: remove(d / "validate_x.txt"), ("validate_x.txt",)),
    "two validation files": (lambda d: (d / "validate_y.txt").write_text(GOOD_ROWS), ("validate_y.txt",)),
    "two files of one number": (lambda d: (d / "train_x01.txt").write_text(GOOD_ROWS), ("same number",)),
}


@pytest.mark.parametrize("case", BAD_DATA)
def test_bad_data_is_named_by_file_and_line(cluster: Cluster, data: Path, case: str) -> None:
    spoil, parts = BAD_DATA[case]
    spoil(data)
    assert_one_line(cluster.train(*RUN, "--quiet", data=data), 1, *parts)


def test_a_label_that_is_not_below_k_is_named_by_file_and_line(cluster: Cluster, data: Path) -> None:
    for file in ("train_x2.txt", "validate_x.txt"):
        (data / file).write_text("1,2,3,0\n4,5,6,1\n")
    assert_one_line(cluster.train(*RUN, "--k", "2", "--quiet", data=data), 1, "train_x1.txt:3:", "label 2", "k = 2")


def test_a_missing_and_an_empty_folder_are_named(cluster: Cluster, tmp_path: Path) -> None:
    assert_one_line(cluster.train(*RUN, data=tmp_path / "nowhere"), 1, "nowhere", "no such folder")
    assert_one_line(cluster.train(*RUN, data=tmp_path), 1, "train_<name><N>.txt")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("0", "75", "24", "0.0001"), "rounds"),
        (("3", "0", "24", "0.0001"), "epochs"),
        (("3", "75", "0", "0.0001"), "h"),
        (("3", "75", "99999999999", "0.0001"), "h"),
        (("3", "75", "24", "-0.1"), "eta"),
        (("3", "75", "24", "nan"), "eta"),
        (("3", "75", "24", "inf"), "eta"),
        (("3", "75", "24", "0.1", "--momentum", "2"), "momentum"),
        (("3", "75", "24", "0.1", "--hidden", "5,x"), "hidden"),
        (("3", "75", "24", "0.1", "--optimizer", "lbfgs"), "optimizer"),
    ],
)
def test_a_senseless_setting_is_named(cluster: Cluster, data: Path, arguments: tuple[str, ...], part: str) -> None:
    assert_one_line(cluster.train(*arguments, data=data), 2, part)


def test_the_coordinator_serves_on_after_all_of_it(cluster: Cluster, data: Path) -> None:
    assert cluster.train(*RUN, "--quiet", data=data).status == 0


def test_a_run_that_diverges_says_what_to_change(cluster: Cluster, data: Path) -> None:
    (data / "train_x2.txt").write_text("1e30,2,3,0\n4,5,6,1\n")
    assert_one_line(cluster.train("1", "9", "4", "1e20", "--quiet", data=data), 1, "round 1", "train_x", "eta")


def test_nobody_listening_is_exit_3_with_the_address(data: Path) -> None:
    outcome = run("client.py", "127.0.0.1", "1", str(data), *RUN)
    assert_one_line(outcome, 3, "127.0.0.1:1", "coordinator")


@pytest.mark.parametrize("program", ["coordinator.py", "compute_node.py"])
def test_a_port_in_use_is_named(program: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert_one_line(run(program, str(port)), 1, f"127.0.0.1:{port}", "in use")


def test_a_bad_line_of_the_node_list_is_named(tmp_path: Path) -> None:
    listed = tmp_path / "nodes.txt"
    listed.write_text("127.0.0.1,9091\n127.0.0.1 9092\n")
    assert_one_line(run("coordinator.py", "0", "--nodes", str(listed)), 1, "nodes.txt:2:", "host,port")
    assert_one_line(run("coordinator.py", "0", "--nodes", str(tmp_path / "none.txt")), 1, "none.txt")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        (("coordinator.py", "0", "fastest"), "1|random"),
        (("coordinator.py", "99999"), "port"),
        (("coordinator.py", "0", "--beat", "5", "--lease", "1"), "--lease"),
        (("compute_node.py", "0", "1.5"), "from 0 to 1"),
        (("compute_node.py", "0", "--slots", "0"), "--slots"),
        (("client.py",), "client"),
        (("client.py", "status", "--server", "nonsense"), "HOST:PORT"),
    ],
)
def test_a_bad_argument_is_exit_2(arguments: tuple[str, ...], part: str) -> None:
    assert_one_line(run(*arguments), 2, part)


def test_a_device_that_is_not_there_says_what_is_missing() -> None:
    assert_one_line(run("compute_node.py", "0", "--device", "cuda"), 1, "cuda", "--device cpu")
