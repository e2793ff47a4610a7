"""Makes the data folder of the present schema, before a release: `python -m tests.system.data_folders`."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from client.runs import Run
from coordinator.store.schema import REVISION
from roundhouse import connect
from tests.system.cluster import Cluster, wait_until

_ROUNDS, _LEFT_AFTER = 6, 3
_A_YEAR_S = 31_536_000.0
# So slow that the coordinator can be killed in the middle; and nodes of any class may go on with the run.
_NODE = ("1.0", "--delay", "0.5", "--slots", "3")


def make(target: Path) -> None:
    """Leave behind what a coordinator leaves that is killed in the middle of a run."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "blobs").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        data = _dataset(folder / "toy")
        arguments = ("--data-dir", str(folder / "data"))
        with Cluster(
            folder, nodes=1, policy="round-robin", node_arguments=_NODE, coordinator_arguments=arguments
        ) as cluster:
            _run(cluster, data)
        _keep(folder / "data", target)


def _run(cluster: Cluster, data: Path) -> None:
    """Train to the end, then once more up to a kill."""
    with connect(f"127.0.0.1:{cluster.coordinator.port}") as session:

        def submit(key: str) -> Run:
            return session.submit(
                data, rounds=_ROUNDS, epochs=5, hidden=4, eta=0.05, standardize=True, server_optimizer="fedadam",
                mixed_classes=True, run_timeout_s=30 * _A_YEAR_S, key=key,
            )  # fmt: skip

        submit("ended").wait(60.0)
        under_way = submit("under way")
        wait_until(lambda: under_way.detail().row.round >= _LEFT_AFTER, "some rounds are done")
        cluster.coordinator.kill()


def _dataset(folder: Path) -> Path:
    folder.mkdir()
    for number, name in enumerate(("train_toy1", "train_toy2", "train_toy3", "validate_toy")):
        rows = [(row, (row * 7 + number) % 11, (row + number) % 5) for row in range(12)]
        lines = [f"{x},{y},{z},{int(x + y > 2 * z + 6)}\n" for x, y, z in rows]
        (folder / f"{name}.txt").write_text("".join(lines), encoding="ascii")
    return folder


def _keep(data: Path, target: Path) -> None:
    with closing(sqlite3.connect(data / "store.db")) as store:
        store.execute("UPDATE writer SET host = 'host'")
        (target / "store.sql").write_text("\n".join(store.iterdump()) + "\n", encoding="utf-8")
    for file in (data / "blobs").iterdir():
        if len(file.name) == 64:
            shutil.copy(file, target / "blobs")


if __name__ == "__main__":
    make(Path(__file__).parent / REVISION)
