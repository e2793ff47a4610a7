"""Outages of a store, a real one, while a coordinator starts."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from coordinator.patience import outlast
from rpc.errors import StoreDown
from tests.coordinator.store.stores import happened, open_store


def test_a_store_that_comes_back_is_asked_again_and_a_line_tells_of_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path, aside = tmp_path / "store.db", tmp_path / "aside"
    with open_store(path) as store:
        store.write(1, [happened(7)])
        path.rename(aside)
        asked = []

        def ask() -> int:
            asked.append(True)
            if len(asked) == 3:
                aside.rename(path)
            return store.reader.last_event()

        with caplog.at_level(logging.WARNING):
            assert outlast(ask, 30.0) == 7
    told, healed = caplog.messages
    assert told.startswith(f"store {path}: ") and told.endswith("; trying again for 30 s")
    assert healed == "the store is back"


def test_patience_ends_with_what_is_the_matter(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    with open_store(path) as store:
        path.rename(tmp_path / "aside")
        with pytest.raises(StoreDown, match=r"unable to open.* --store-wait waits longer"):
            outlast(store.reader.last_event, patience_s=0.0)
