"""A data folder of every schema that was released is gone on with: its run under way ends at the same bits."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from coordinator.store.migrating import MIGRATIONS
from roundhouse import connect
from tests.system.cluster import Cluster

FOLDERS = Path(__file__).parent / "data_folders"
KEPT = sorted(folder.name for folder in FOLDERS.iterdir() if (folder / "store.sql").exists())


def test_a_data_folder_of_every_schema_is_kept() -> None:
    revisions = [path.name[1:5] for path in (MIGRATIONS / "versions").glob("v[0-9]*.py")]
    assert sorted(revisions) == KEPT, "python -m tests.system.data_folders makes one"


@pytest.mark.parametrize("revision", KEPT)
def test_what_an_older_version_left_behind_is_gone_on_with(tmp_path: Path, revision: str) -> None:
    data = tmp_path / "data"
    shutil.copytree(FOLDERS / revision, data)
    with closing(sqlite3.connect(data / "store.db")) as store:
        store.executescript((data / "store.sql").read_text(encoding="utf-8"))
    with (
        Cluster(tmp_path, nodes=0, coordinator_arguments=("--data-dir", str(data))) as cluster,
        connect(f"127.0.0.1:{cluster.coordinator.port}") as session,
    ):
        ended, under_way = session.run("ended"), session.run("under way")
        undisturbed = session.start(replace(ended.spec(), key="undisturbed"))
        branch = under_way.branch("last")  # the same work once more, by this version alone
        cluster.nodes.append(cluster.new_node().serve())
        session.add_node(f"127.0.0.1:{cluster.nodes[0].port}")
        result = under_way.wait(60.0)
        assert [row.round for row in result.rounds] == [1, 2, 3, 4, 5, 6]
        assert result.model_sha256 == branch.wait(60.0).model_sha256 == under_way.model().sha256
        if undisturbed.wait(60.0).model_sha256 == ended.model().sha256:  # else its first rounds are of another machine
            assert result.model_sha256 == ended.model().sha256
