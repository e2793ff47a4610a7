"""Data folders that lost, or only half got, what was sent to them."""

from __future__ import annotations

from pathlib import Path

from rpc.blobs import blob_name
from tests.system.cluster import LETTERS, Cluster
from tests.system.test_same_bits import RUN, good


def test_a_node_whose_blobs_vanish_gets_them_again(tmp_path: Path) -> None:
    folder = tmp_path / "node"
    with Cluster(tmp_path, nodes=1, node_arguments=("--data-dir", str(folder))) as cluster:
        first = good(cluster.train(*RUN)).sha256
        for path in (folder / "blobs").iterdir():
            if len(path.name) == 64:
                path.unlink()
        assert good(cluster.train(*RUN, "--seed", "1")).sha256 == first


def test_a_node_that_was_killed_while_it_wrote_goes_on_from_there(tmp_path: Path) -> None:
    blobs = tmp_path / "node" / "blobs"
    blobs.mkdir(parents=True)
    for number, content in ((1, None), (2, b"\0" * 1000)):
        data = (LETTERS / f"train_letters{number}.txt").read_bytes()
        (blobs / f"{blob_name(data).partition(':')[2]}.part").write_bytes(content or data[:1000])
    with Cluster(tmp_path, nodes=1, node_arguments=("--data-dir", str(blobs.parent))) as cluster:
        good(cluster.train(*RUN))


def test_what_an_earlier_upload_left_damaged_at_the_coordinator_is_sent_anew(tmp_path: Path) -> None:
    blobs = tmp_path / "coordinator" / "blobs"
    blobs.mkdir(parents=True)
    data = (LETTERS / "train_letters1.txt").read_bytes()
    (blobs / f"{blob_name(data).partition(':')[2]}.part").write_bytes(b"\0" * 1000)
    with Cluster(tmp_path, nodes=1, coordinator_arguments=("--data-dir", str(blobs.parent))) as cluster:
        good(cluster.train(*RUN))
