"""Runs that are removed, and runs that are kept over it and over a restart."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from client.runs import Run
from roundhouse import connect
from rpc.errors import BadRequest, NotFound
from tests.system.cluster import LETTERS, Cluster, wait_until
from tests.system.test_same_bits import good

RUN = ("2", "5", "12", "0.0001", "--quiet", "--json")


def server(cluster: Cluster) -> str:
    return f"127.0.0.1:{cluster.coordinator.port}"


def files(folder: Path) -> set[str]:
    """Names of the whole blobs, made as if a day had passed."""
    found = [file for file in (folder / "blobs").iterdir() if file.name != "lock" and file.suffix != ".part"]
    for file in found:
        os.utime(file, (0, 0))
    return {file.name for file in found}


def test_kept_runs_have_their_models_and_removed_ones_leave_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with Cluster(tmp_path, nodes=1, coordinator_arguments=("--data-dir", str(folder))) as cluster:
        kept, gone = (good(cluster.train(*RUN, "--seed", seed)).json for seed in ("1", "2"))
        with connect(server(cluster)) as session:
            model = session.run(kept["id"]).model().vector
            assert {kept["model_sha256"], gone["model_sha256"]} <= files(folder)
            before_it = session.submit(LETTERS, rounds=5000, epochs=75, hidden=24, eta=0.0001)
            check = Run(session._link, gone["id"]).verify(1.0)
            with pytest.raises(BadRequest, match=f"{gone['id']} is being verified by {check.id}; wait for its end"):
                session.remove_runs([gone["id"]])
            before_it.cancel()
            check.wait(60.0)
            files(folder)
            session.remove_runs([gone["id"], check.id, before_it.id])
        wait_until(lambda: gone["model_sha256"] not in files(folder), "its files go")
        cluster.restart_coordinator()
        with connect(server(cluster)) as session:
            assert np.array_equal(session.run(kept["id"]).model().vector, model)
            assert [row.id for row in session.runs()] == [kept["id"]]
            with pytest.raises(NotFound):
                session.run(gone["id"])
            assert session.run(kept["id"]).branch(1).wait(60.0).model_sha256 == kept["model_sha256"]
