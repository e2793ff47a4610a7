"""Which node gave which update of a round, and its digest: what a run can be verified against later."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Update(NamedTuple):
    """The update of one shard; `digest` is the XXH3-64 of its bits, as a signed integer."""

    digest: int
    node: str
    numeric_class: str = ""


def updates_to_json(updates: Mapping[int, Update], class_of: Callable[[str], str]) -> dict[str, Any]:
    """Return the updates of a round, by shard, as JSON can write them; `class_of` gives a node's numeric class."""
    nodes = list(dict.fromkeys(update.node for update in updates.values()))
    place = {node: number for number, node in enumerate(nodes)}
    digests = np.fromiter((update.digest for update in updates.values()), "<i8", len(updates))
    return {
        "shards": list(updates),
        "digests": base64.b64encode(digests.tobytes()).decode(),
        "by": [place[update.node] for update in updates.values()],
        "nodes": [[node, class_of(node)] for node in nodes],
    }


def updates_from_json(written: Mapping[str, Any]) -> dict[int, Update]:
    """Return what `updates_to_json` wrote."""
    digests = np.frombuffer(base64.b64decode(written["digests"]), "<i8").tolist()
    nodes = written["nodes"]
    return {
        shard: Update(digest, *nodes[by])
        for shard, digest, by in zip(written["shards"], digests, written["by"], strict=True)
    }
