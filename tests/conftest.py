"""What all tests share: nodes that one test leaves for the next end with the last one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.system.cluster import end_spares


@pytest.fixture(scope="session", autouse=True)
def no_node_outlives_the_tests() -> Iterator[None]:
    yield
    end_spares()
