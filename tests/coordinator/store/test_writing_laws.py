"""What holds for all changes: any text can be written, and batches may be cut anywhere."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coordinator.core.model import WorkState
from coordinator.store.changes import BlobNamed, Change, NodeRemoved, NodeSeen, WorkEnded, WorkProgressed, WorkStarted
from coordinator.store.store import Store
from tests.coordinator.store.stores import Batches, happened, submitted

TEXTS = st.text(st.characters(exclude_categories=())) | st.just("a\0b\ud800")


@pytest.fixture
def batches(store: Store) -> Batches:
    return Batches(store)


# One store for all examples, because each commit waits for the disk: what they write has other names every time.
one_store = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)


@one_store
@given(texts=st.lists(TEXTS, min_size=1, max_size=5))
def test_any_text_of_a_node_can_be_written(store: Store, batches: Batches, texts: list[str]) -> None:
    first = store.reader.last_event() + 1
    seen = NodeSeen("n", texts[0], "", "join", "ready", 1, labels={text: text for text in texts})
    batches.write(submitted(f"w{first}"), *(happened(first + n, message=text) for n, text in enumerate(texts)), seen)
    messages = [row.message for row in store.reader.events(f"w{first}")]
    assert [is_kept(*pair) for pair in zip(texts, messages, strict=True)] == [True] * len(texts)
    assert store.reader.nodes()[0].labels == seen.labels


def is_kept(text: str, message: str) -> bool:
    """Whether all that Unicode allows in a text is still there."""
    return len(text) == len(message) and all(
        new == old or (new == "?" and (old == "\0" or "\ud800" <= old <= "\udfff"))
        for old, new in zip(text, message, strict=True)
    )


IDS = st.sampled_from("ab")
TIMES = st.integers(1, 99)
STEPS = st.one_of(
    st.builds(WorkStarted, IDS, TIMES),
    st.builds(WorkEnded, IDS, st.sampled_from([state for state in WorkState if state.is_final]), TIMES),
    st.builds(WorkProgressed, IDS, TIMES, TIMES, TIMES, TIMES),
    st.builds(BlobNamed, IDS, st.sampled_from(["model", "best"]), st.sampled_from(["", "x", "y"])),
    st.builds(NodeSeen, IDS, *map(st.just, ("name", "address", "file", "ready")), TIMES),
    st.builds(NodeRemoved, IDS),
)
numbers = count()


@one_store
@given(steps=st.lists(STEPS, max_size=12), cuts=st.sets(st.integers(0, 12)))
def test_it_does_not_matter_how_changes_are_cut_into_batches(
    store: Store, batches: Batches, steps: list[Change], cuts: set[int]
) -> None:
    few = written(store, batches, steps, {0, *cuts, len(steps)})
    assert few == written(store, batches, steps, set(range(len(steps) + 1)))


def written(store: Store, batches: Batches, steps: list[Change], cuts: set[int]) -> object:
    """What is in the store after these changes to new work and nodes, and how many came too late."""
    own = f"{next(numbers)}-"
    batches.write(submitted(own + "a"), submitted(own + "b"))
    late = sum(len(batches.write(*(renamed(step, own) for step in steps[a:b]))) for a, b in pairwise(sorted(cuts)))
    works = [store.reader.work(own + name) for name in "ab"]
    blobs = [store.reader.blobs(own + name) for name in "ab"]
    nodes = [replace(node, id="") for node in store.reader.nodes() if node.id.startswith(own)]
    return late, [replace(work, id="", number=0) for work in works if work], blobs, nodes


def renamed(step: Any, own: str) -> Any:
    name = "id" if isinstance(step, NodeSeen | NodeRemoved) else "work"
    return replace(step, **{name: own + getattr(step, name)})
