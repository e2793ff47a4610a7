"""Updates of a round as they are written."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from coordinator.core.updates import Update, updates_from_json, updates_to_json

UPDATES = st.dictionaries(
    st.integers(0, 1000), st.builds(Update, st.integers(-(2**63), 2**63 - 1), st.sampled_from(["a:1", "b:2", "c"]))
)


@given(UPDATES)
def test_updates_are_read_as_they_were_written(updates: dict[int, Update]) -> None:
    written = json.loads(json.dumps(updates_to_json(updates, lambda node: f"class of {node}")))
    assert updates_from_json(written) == {
        shard: update._replace(numeric_class=f"class of {update.node}") for shard, update in updates.items()
    }
