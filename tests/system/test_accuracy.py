"""Letters to 97.8 % through the real coordinator and two nodes, in less than a minute: the manual's example."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.system.cluster import ROOT, Cluster


def test_the_example_of_the_manual_reaches_97_8_percent(tmp_path: Path) -> None:
    manual = (ROOT / "docs/training.md").read_text()
    found = re.search(r"client\.py localhost 9095 letters (50 [^`]*?)\n```", manual)
    assert found, "the example has moved"
    arguments = shlex.split(found[1].replace("\\\n", " "))
    with Cluster(tmp_path, nodes=2) as cluster:
        outcome = cluster.train(*arguments, "--json")
        assert outcome.status == 0, outcome
        print(f"accuracy {1 - outcome.json['final_validation_error']:.4f} in {outcome.json['timing']['seconds']:.1f} s")
        assert outcome.json["final_validation_error"] <= 0.022
        assert outcome.json["timing"]["seconds"] < 60.0
