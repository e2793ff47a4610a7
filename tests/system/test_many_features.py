"""Thousands of features, whose statistics come as large binaries: the same model, with the true means in it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roundhouse import Model, Result, Session, connect
from tests.system.cluster import Cluster

COLUMNS = 5000
ROWS = 6  # of each shard
SHARDS = 2
MEMO = ("--memo-size", "1GB")


def test_a_standardized_run_has_one_model_and_the_true_means_for_any_nodes_and_from_the_memo(tmp_path: Path) -> None:
    data, values = dataset(tmp_path)
    with Cluster(tmp_path, nodes=1) as cluster, connect(f"127.0.0.1:{cluster.coordinator.port}") as session:
        alone, model = trained(session, data)
    with (
        Cluster(tmp_path, nodes=2, coordinator_arguments=MEMO) as cluster,
        connect(f"127.0.0.1:{cluster.coordinator.port}") as session,
    ):
        both, model_of_both = trained(session, data)
        again, model_from_memo = trained(session, data)
    assert both.model_sha256 == alone.model_sha256
    assert again.model_sha256 == alone.model_sha256
    assert again.tasks_by_node["memo"] >= SHARDS, "the surveys"
    for each in (model, model_of_both, model_from_memo):
        assert each.offset is not None and each.scale is not None
        np.testing.assert_allclose(each.offset, values.mean(axis=0), rtol=1e-12)
        np.testing.assert_allclose(each.scale, values.std(axis=0), rtol=1e-12)


def trained(session: Session, data: Path) -> tuple[Result, Model]:
    run = session.submit(data, rounds=2, epochs=2, hidden=(3,), eta=0.0001, standardize=True)
    return run.wait(timeout_s=60), run.model()


def dataset(folder: Path) -> tuple[Path, NDArray[np.int64]]:
    """A data folder, and the features of all its training rows."""
    data = folder / "wide"
    data.mkdir()
    features = np.random.default_rng(1).integers(0, 16, (SHARDS * ROWS, COLUMNS))
    lines = [",".join(map(str, [*row, number % 2])) + "\n" for number, row in enumerate(features.tolist())]
    for shard in range(SHARDS):
        (data / f"train_wide{shard + 1}.txt").write_text("".join(lines[shard * ROWS : (shard + 1) * ROWS]))
    (data / "validate_wide.txt").write_text("".join(lines[:2]))
    return data, features
