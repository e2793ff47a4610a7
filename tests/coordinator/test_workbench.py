"""What the coordinator computes, and where: on its loop only what is over within a millisecond."""

from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from random import Random

import numpy as np
import pytest

from coordinator.core import jobs
from coordinator.workbench import Workbench, is_quick
from rpc.blobs import BlobFolder, blob_name
from rpc.errors import FailureKind
from tests.coordinator.runs import run
from tests.coordinator.store.disks import mounted
from tests.rpc.running import PATIENCE_S, RunningLoop


@pytest.mark.parametrize(
    ("layers", "n_rows", "quick"),
    [
        ((16, 24, 26), 990, True),
        ((16, 24, 26), 1100, False),
        ((16, 512, 26), 100, False),  # many weights
        ((1, 2), 20_000, True),
        ((1, 2), 262_144, False),  # few weights, but 7 ms of passes over the rows
        ((2, 1000), 349, False),
    ],
)
def test_a_validation_is_quick_for_few_rows_of_a_small_model(layers: tuple[int, ...], n_rows: int, quick: bool) -> None:
    assert is_quick(n_rows, layers) is quick


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[tuple[RunningLoop, Workbench, BlobFolder]]:
    running, blobs = RunningLoop(), BlobFolder(tmp_path / "blobs")
    bench = Workbench(running.loop, blobs)
    bench.open(run())
    yield running, bench, blobs
    running.do(bench.close)
    running.close()
    blobs.close()


def test_a_torn_or_flipped_checkpoint_is_never_taken_up(bench: tuple[RunningLoop, Workbench, BlobFolder]) -> None:
    running, workbench, blobs = bench
    model = np.arange(1000, dtype=np.float32).tobytes()
    name = blobs.store(model)

    def load() -> jobs.JobValue:
        loaded = Queue[jobs.JobValue]()
        running.do(lambda: workbench.do(jobs.Load("r", 1, name, ""), loaded.put))
        return loaded.get(timeout=PATIENCE_S)

    rng = Random(1)
    for _ in range(100):
        torn, place = model[: rng.randrange(len(model))], rng.randrange(8 * len(model))
        flipped = bytearray(model)
        flipped[place // 8] ^= 1 << place % 8
        for damaged in (torn, flipped):
            blobs.file(name).write_bytes(damaged)
            found = load()
            assert isinstance(found, jobs.Unable) and found.kind is FailureKind.MISSING_BLOB
            assert "was damaged, its SHA-256 differs" in found.message
    blobs.remove(name)
    assert isinstance(load(), jobs.Unable)
    blobs.store(model)
    assert isinstance(load(), jobs.Done)


def test_a_final_model_waits_for_room_on_the_disk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    running, sealed = RunningLoop(), Queue[jobs.JobValue]()
    with mounted(tmp_path / "disk", "size=1m"):
        blobs = BlobFolder(tmp_path / "disk" / "blobs", keep_free_bytes=0)
        filler = tmp_path / "disk" / "filler"
        filler.write_bytes(bytes(900_000))
        model = np.arange(100_000, dtype=np.float32)

        def begin() -> Workbench:
            bench = Workbench(running.loop, blobs)
            bench.open(run())
            vectors = bench.vectors("r")
            assert vectors is not None
            vectors.set_model(1, model)
            bench.do(jobs.Seal("r", 1), sealed.put)
            return bench

        bench = running.do(begin)
        while not caplog.records:
            running.do(lambda: None)
        assert sealed.empty()
        filler.unlink()
        assert sealed.get(timeout=PATIENCE_S) == jobs.Sealed(
            blob_name(model.tobytes()), blob_name(model.tobytes()).partition(":")[2], model.nbytes
        )
        running.do(bench.close)
        running.close()
        blobs.close()
