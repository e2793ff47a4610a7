"""A scene on a store of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from coordinator.store.store import Store
from tests.coordinator.store.conftest import place, postgres, postgres_database, store
from tests.coordinator.why.scene import Scene

__all__ = ["place", "postgres", "postgres_database", "store"]


@pytest.fixture
def scene_with(store: Store) -> Iterator[Callable[..., Scene]]:
    scenes: list[Scene] = []

    def make(*nodes: str) -> Scene:
        scenes.append(Scene(store, *nodes))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.close()
