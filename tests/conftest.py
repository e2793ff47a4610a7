"""What all tests share: nodes that one test leaves for the next end with the last one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.system.cluster import end_spares

# A busy core is not a failure.
settings.register_profile("shared machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared machine")


@pytest.fixture(scope="session", autouse=True)
def no_node_outlives_the_tests() -> Iterator[None]:
    yield
    end_spares()


@pytest.fixture(scope="session", autouse=True)
def nobody_is_logged_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Whoever runs the tests may be; yields where it would be remembered."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("config")
        patch.setenv("XDG_CONFIG_HOME", str(folder))
        for name in ("ROUNDHOUSE_TOKEN", "ROUNDHOUSE_TOKEN_FILE", "ROUNDHOUSE_SERVER"):
            patch.delenv(name, raising=False)
        yield folder
