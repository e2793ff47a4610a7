"""What is known of work from before a restart."""

from __future__ import annotations

from dataclasses import replace

import pytest

from coordinator.core.catalogue import Catalogue
from coordinator.core.owners import Owners
from coordinator.core.saved import Past
from tests.coordinator.runs import run

PAST = Past({"a": 3, "b": 2}, rejections=7, retries=1, classes=("avx2",))


def test_counts_go_on_after_a_restart() -> None:
    work = Catalogue(Owners({}), kept=1).add(run(), 0.0, PAST)
    assert (work.tasks_done, work.rejections, work.retries) == (5, 7, 1)
    assert work.done_by_node == {"a": 3, "b": 2}


@pytest.mark.parametrize(("mixed", "bound_to"), [(False, "avx2"), (True, None)])
def test_what_has_begun_in_a_numeric_class_stays_in_it(mixed: bool, bound_to: str | None) -> None:
    work = Catalogue(Owners({}), kept=1).add(run(mixed_classes=mixed), 0.0, PAST)
    assert work.numeric_class == bound_to and work.classes_used == {"avx2"}


def test_work_that_had_started_before_a_restart_keeps_that_time() -> None:
    catalogue = Catalogue(Owners({}), kept=1)
    work = catalogue.add(run(), 0.0, replace(PAST, started_at=-5.0))
    catalogue.run(work, 5.0)
    assert work.started_at == -5.0


def test_what_runs_is_known_apart_from_what_waits() -> None:
    catalogue = Catalogue(Owners({}), kept=1)
    work = catalogue.add(run(), 0.0, Past())
    assert list(catalogue.open) == ["r"] and not catalogue.running
    catalogue.run(work, 5.0)
    assert list(catalogue.running) == ["r"]
    catalogue.end(work)
    assert not catalogue.open and not catalogue.running


def test_only_what_has_ended_is_removed_and_then_its_key_is_free() -> None:
    catalogue = Catalogue(Owners({}), kept=2)
    work = catalogue.add(run(key="monday"), 0.0, Past())
    assert catalogue.remove("r") == [] and "r" in catalogue.work
    assert catalogue.end(work) == []
    assert catalogue.remove("r") == ["r"]
    assert not catalogue.work and not catalogue.by_key
    assert catalogue.remove("r") == []
