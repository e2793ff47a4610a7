"""What a job gets: to the watchdog and back it stays the same, and nonsense is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from compute_node.scripts import bwrap
from compute_node.scripts.box import GIB, MIB, Box, Inside, Level, Limits, box_from_json
from compute_node.scripts.orders import (
    Ended,
    News,
    NoStart,
    Start,
    Started,
    news_from_line,
    news_to_line,
    start_from_line,
)
from compute_node.scripts.rlimits import inside
from rpc.errors import BadRequest

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
NAMES = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,20}", fullmatch=True)
PATHS = NAMES.map(lambda name: f"/jobs/{name}")
BOXES = st.builds(
    Box,
    name=NAMES,
    folder=PATHS,
    argv=st.lists(TEXT, min_size=1).map(tuple),
    env=st.dictionaries(TEXT.filter(lambda name: name != "" and "=" not in name), TEXT),
    limits=st.builds(
        Limits, memory_bytes=st.integers(1), cpus=st.floats(0.1, 64), time_s=st.none() | st.floats(0.1, 9)
    ),
    network=st.booleans(),
    read_only=st.lists(PATHS).map(tuple),
    writable=st.lists(PATHS).map(tuple),
    datasets=st.dictionaries(NAMES, PATHS),
    image=TEXT,
    gpus=st.lists(st.integers(0, 8)).map(tuple),
)


@given(BOXES)
def test_a_box_comes_back_as_it_went(box: Box) -> None:
    assert box_from_json(box.to_json()) == box


def test_a_job_that_sees_only_its_own_gpus_counts_them_from_0() -> None:
    box = Box("j", "/jobs/j", ("python3",), gpus=(2, 5))
    seen = {places.all_gpus: box.environment(places)["CUDA_VISIBLE_DEVICES"] for places in (bwrap.INSIDE, inside(box))}
    assert seen == {False: "0,1", True: "2,5"}


@given(BOXES, st.sampled_from(Level), st.floats(0, 1e6))
def test_an_order_is_one_line_and_comes_back(box: Box, level: Level, lease_s: float) -> None:
    start = Start(box, level, {"memory": (1, "/groups")}, engine="unix:///x", lease_s=lease_s, node="n")
    line = start.to_line()
    assert line.count(b"\n") == 1
    assert start_from_line(line) == start


@pytest.mark.parametrize(
    "news", [Started(("cpus",)), NoStart("no\nbwrap"), Ended(137, "limit:memory", True, 1 << 40, 0.5, 3, 4096, 8192)]
)
def test_news_are_one_line_and_come_back(news: News) -> None:
    line = news_to_line(news)
    assert line.count(b"\n") == 1
    assert news_from_line(line) == news


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../x"},
        {"name": ""},
        {"name": "-x"},
        {"folder": "jobs/1"},
        {"folder": "/jobs/../etc"},
        {"read_only": ("usr",)},
        {"datasets": {"a/b": "/data"}},
        {"datasets": {"a": "data"}},
        {"argv": ()},
        {"argv": ("a\0b",)},
        {"env": {"": "x"}},
        {"env": {"A=B": "x"}},
        {"env": {"A": "\0"}},
    ],
)
def test_nonsense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadRequest):
        Box(**{"name": "job", "folder": "/jobs/1", "argv": ("python",)} | wrong)


@pytest.mark.parametrize("name", ["memory_bytes", "cpus", "pids", "disk_bytes", "time_s"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_a_limit_is_above_nothing(name: str, value: float) -> None:
    with pytest.raises(BadRequest, match=name):
        Limits(**{name: value})  # type: ignore[arg-type]


def test_variables_of_the_job_come_over_ours_but_for_its_name() -> None:
    box = Box("job", "/jobs/1", ("/opt/python/bin/python",), env={"HOME": "/else", "JOB_NAME": "another"})
    variables = box.environment(Inside("/job", "/job/out", "/tmp"))
    assert (variables["HOME"], variables["JOB_NAME"], variables["JOB_OUT"]) == ("/else", "job", "/job/out")
    assert variables["PATH"].startswith("/opt/python/bin:")


def test_the_defaults_are_those_that_security_md_names() -> None:
    table = (Path(__file__).parents[3] / "SECURITY.md").read_text().partition("## Limits")[2]
    assert Limits() == Limits(512 * MIB, 1.0, 64, 2 * GIB, 20_000, GIB, 256, None)
    for row in (
        "| memory | 512 MB |",
        "| processor | 1 core |",
        "| processes and threads | 64 |",
        "| disk, files | 2 GB, 20,000 |",
        "| size of a file, open files, core dumps | 1 GB, 256, none |",
        "| time | none |",
    ):
        assert row in table
