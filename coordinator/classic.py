"""The classic `train(dir, ...)` call: a folder below the data root becomes blobs and the settings of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path, PurePath

from coordinator.core.model import Work, WorkState
from coordinator.core.training import TrainingRun
from coordinator.permissions import owner_of
from coordinator.runtime import Runtime
from coordinator.submissions import Submissions
from mlcore.shards import DataError, find_shards
from rpc.aside import Aside
from rpc.blobs import BlobFolder, blob_name, parts
from rpc.errors import BadData, BadRequest, RunFailed
from rpc.messages import DataFile, RunSpec
from rpc.run_spec import MAX_NAME, check_run_spec
from rpc.server import Caller, Later


class ClassicCall:
    """Trains to the end on a folder below `data_root`. Runs on the loop's thread; the folder is read on `files`."""

    def __init__(
        self, runtime: Runtime, submissions: Submissions, files: Aside, *, blobs: BlobFolder, data_root: Path
    ) -> None:
        self._runtime = runtime
        self._submissions = submissions
        self._files = files
        self._blobs = blobs
        self._data_root = data_root

    def train(self, caller: Caller, dir: str, rounds: int, epochs: int, h: int, k: int, eta: float) -> Later:
        """Answer with the validation error at the end; who hangs up cancels.

        Raises:
            BadRequest: a setting is outside what is allowed, or the folder is.
        """
        name = PurePath(dir).name[:MAX_NAME]
        owner = owner_of(caller)
        spec = RunSpec(name, (), DataFile("", "", 0), rounds, epochs, (h,), k, eta, owner=owner)
        check_run_spec(spec)
        folder = folder_below(self._data_root, dir)
        later = Later()

        def submit(files: tuple[tuple[DataFile, ...], DataFile] | None, error: Exception | None) -> None:
            if files is None:
                later.fail(error or RuntimeError("no files and no error"))
                return
            self._submissions.submit(replace(spec, shards=files[0], validation=files[1])).then(follow)

        def follow(work_id: str | None, error: Exception | None) -> None:
            if work_id is None:
                later.fail(error or RuntimeError("no run and no error"))
                return
            self._runtime.endings.wait(work_id, lambda work: _answer(later, work))
            caller.on_closed(lambda: self._runtime.cancel(work_id, "the caller of train has gone"))

        self._files.later(lambda: take_folder(folder, dir, self._blobs)).then(submit)
        return later


def _answer(later: Later, work: Work) -> None:
    run = work.workload
    assert isinstance(run, TrainingRun)
    if work.state is WorkState.COMPLETED and run.validation_error is not None:
        later.resolve(run.validation_error)
    else:
        later.fail(RunFailed(f"run {work.id} {work.state.value}: {work.reason}", work.failure))


def folder_below(root: Path, name: str) -> Path:
    """Return the folder that a client named, if it lies below the root; nothing that leads out of it is followed.

    Raises:
        BadRequest: it is outside, or no path at all.
    """
    base = root.resolve()
    try:
        folder = (base / name).resolve()
    except (OSError, ValueError) as error:
        raise BadRequest(f"dir {name!r} is no folder name") from error
    if not folder.is_relative_to(base):
        raise BadRequest(f"dir {name!r} is not below the data root of the coordinator; see --data-root")
    return folder


def take_folder(folder: Path, name: str, blobs: BlobFolder) -> tuple[tuple[DataFile, ...], DataFile]:
    """Store the files of a dataset as blobs; return its shards in order and its validation file.

    Raises:
        BadData: the folder holds no dataset, or a file cannot be read.
    """
    try:
        dataset = find_shards(folder)
        for path in (*dataset.train, dataset.validation):
            if not path.resolve().is_relative_to(folder):
                raise BadData(f"{name}/{path.name} leads out of its folder; put the file itself there")
        shards = tuple(_take_file(path, name, blobs) for path in dataset.train)
        return shards, _take_file(dataset.validation, name, blobs)
    except (DataError, OSError) as error:
        # The client named the folder by its own name; where the coordinator keeps it is not told.
        raise BadData(str(error).replace(str(folder), name)) from error


def _take_file(path: Path, name: str, blobs: BlobFolder) -> DataFile:
    data = memoryview(path.read_bytes())
    blob = blob_name(data)
    for offset, length in parts(data.nbytes):
        blobs.put(blob, data.nbytes, offset, data[offset : offset + length])
    return DataFile(f"{name}/{path.name}", blob, data.nbytes)
