"""Pages of events: each event once, also those that come between two questions, and none left out in silence."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from coordinator.event_pages import event_page
from coordinator.store.reading import Reader
from coordinator.store.store import Store
from rpc.messages import EventPage, EventQuery
from tests.coordinator.store.stores import Batches, happened


class Meanwhile(Reader):
    """A reader that lets something happen after the first of its answers."""

    def __init__(self, reader: Reader, happens: Callable[[], object]) -> None:
        self.__dict__.update(vars(reader))
        self._happens = happens

    def last_event(self) -> int:
        last = super().last_event()
        self._happens()
        return last


def numbers(page: EventPage) -> list[int]:
    return [row.number for row in page.events]


@pytest.mark.parametrize("after", [0, 1])
def test_what_happens_between_two_questions_is_told_once(store: Store, after: int) -> None:
    batches = Batches(store)
    batches.write(happened(1), happened(2))
    reader = Meanwhile(store.reader, lambda: batches.write(happened(3)))
    page = event_page(EventQuery(after=after), reader)
    assert numbers(page)[-1] == 3
    assert numbers(event_page(EventQuery(after=page.last), store.reader)) == []


def test_of_very_many_the_newest_come_and_the_others_are_counted(store: Store) -> None:
    Batches(store).write(*(happened(number) for number in range(1, 12_001)))
    page = event_page(EventQuery(after=1000, limit=20, newest=True), store.reader)
    assert (numbers(page), page.last) == (list(range(11_981, 12_001)), 12_000)
    assert page.left_out == 10_000, "more are not counted"
    page = event_page(EventQuery(after=11_000, limit=20, newest=True), store.reader)
    assert (page.left_out, page.last) == (980, 12_000)
    page = event_page(EventQuery(after=11_990, limit=20, newest=True), store.reader)
    assert (len(page.events), page.left_out) == (10, 0)


def test_the_oldest_come_first_page_by_page(store: Store) -> None:
    Batches(store).write(*(happened(number) for number in range(1, 6)))
    page = event_page(EventQuery(after=1, limit=2), store.reader)
    assert (numbers(page), page.last, page.left_out) == ([2, 3], 3, 0)
    page = event_page(EventQuery(after=3, limit=2), store.reader)
    assert (numbers(page), page.last) == ([4, 5], 5)


def test_only_those_that_are_asked_for_are_counted(store: Store) -> None:
    Batches(store).write(*(happened(number, kind="rejected" if number % 2 else "lost") for number in range(1, 101)))
    page = event_page(EventQuery(after=10, limit=5, newest=True, notable=True), store.reader)
    assert (len(page.events), page.left_out) == (5, 40)
