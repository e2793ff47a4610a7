"""What is told of a process that grows, and of one that does not."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.growth import Growth, Sample, slope

STEADY = [Sample(60.0 * minute, 80_000_000, 20, 9, 1000) for minute in range(40)]


@pytest.fixture
def growth(tmp_path: Path) -> Growth:
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        connection.execute("CREATE TABLE event (number INTEGER)")
        connection.execute("INSERT INTO event VALUES (1), (2)")
        connection.commit()
    return Growth("coordinator", os.getpid(), tmp_path, 1e-9)


def test_a_steady_process_has_no_flaw(growth: Growth) -> None:
    growth.samples = STEADY
    assert growth.flaws() == []
    assert "80 to 80 MB, +0.0 MB/h" in growth.report()[0]
    assert "2 events" in growth.report()[2]


def test_descriptors_that_are_not_closed_are_told(growth: Growth) -> None:
    growth.samples = [replace(each, descriptors=20 + number) for number, each in enumerate(STEADY)]
    (flaw,) = growth.flaws()
    assert flaw.startswith("descriptors of the coordinator grow from ")


def test_memory_that_is_not_given_back_is_told(growth: Growth) -> None:
    growth.samples = [replace(each, rss_bytes=(80 + 2 * number) * 10**6) for number, each in enumerate(STEADY)]
    (flaw,) = growth.flaws()
    assert flaw == "megabytes of the coordinator grow from 109 to 149, by more than 24"


def test_a_sample_is_of_the_process_itself(growth: Growth) -> None:
    growth.look()
    (sample,) = growth.samples
    assert sample.rss_bytes > 1_000_000 and sample.descriptors > 2 and sample.threads > 0 and sample.store_bytes > 0


def test_growth_is_told_by_the_hour() -> None:
    assert slope([0.0, 0.5, 1.0], [1.0, 2.0, 3.0]) == pytest.approx(2.0)
