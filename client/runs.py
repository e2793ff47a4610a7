"""A training run as a program sees it: its news, its end, its model."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

import numpy as np
from numpy.typing import NDArray

from client.keys import given, new_key
from client.link import Link
from client.models import Model
from client.owners import owned
from client.results import FINAL_STATES, Result, result_of, run_of
from client.settings import Changes, branch_spec
from client.stored import Which, choose
from client.work import Work
from mlcore.mlp import n_weights
from rpc.errors import BadData, BadRequest
from rpc.messages import PART_BYTES, Buffer, Checkpoint, DataFile, RunDetail, RunSpec


class Run(Work):
    """One training run. Iterating over it gives its news until it ends."""

    def wait(self, timeout_s: float | None = None) -> Result:
        """Return the result when the run has ended.

        Raises:
            RunFailed: it failed or was cancelled; says why.
            TimedOut: it has not ended within `timeout_s`; it goes on.
        """
        return result_of(self._at_its_end(timeout_s))

    def spec(self) -> RunSpec:
        """Return what the run was asked to do; whoever submits that again starts another run, unless it has a key."""
        spec: RunSpec = self._link.call_again("get_spec", self.id)
        return replace(spec, key=given(spec.key))

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Return the rounds whose model is stored, the first one first."""
        stored: tuple[Checkpoint, ...] = self._link.call_again("list_checkpoints", self.id)
        return stored

    def branch(self, from_round: Which = "last", **changes: Unpack[Changes]) -> Run:
        """Start a run that goes on from a stored round of this one, with the same settings but for the changes.

        Without any, it ends with the same model as this one.

        Raises:
            BadRequest: the round is not stored, or a change makes no sense.
        """
        number = 0 if from_round == "last" else from_round  # the last one may be another by then
        if number == "best":
            number = choose(self.checkpoints(), "best", self.id).round
        return submit(self._link, branch_spec(self.spec(), self.id, number, **changes))

    def verify(self, sample: float = 0.1, seed: int = 1) -> Run:
        """Start a run that computes this share of the updates of this one again and compares.

        It fails at the first difference, saying which node gave that update.

        Raises:
            Refused: no node computes the same bits.
            BadRequest: this run cannot be repeated.
        """
        return Run(self._link, self._link.call_again("verify_run", self.id, sample, seed, new_key()))

    def model(self, of: Which | None = None) -> Model:
        """Return the trained model, or that of a stored round.

        Raises:
            BadRequest: the run has not ended yet, or the round is not stored.
            RunFailed: it ended without a model.
            BadData: what arrived is not what the run made.
        """
        detail = self.detail()
        if of is not None:
            return self._fetch(run_of(detail), choose(self.checkpoints(), of, self.id).model)
        if detail.row.state not in FINAL_STATES:
            raise BadRequest(f"{self.id} is {detail.row.state} and has no model yet; wait for its end")
        result_of(detail)
        return self._fetch(run_of(detail), run_of(detail).model)

    def file(self, file: DataFile) -> bytearray:
        """Return the bytes of a file of its data.

        Raises:
            MissingBlob: the coordinator does not hold it any more.
            BadData: it is damaged there.
        """
        return self._bytes(file.blob, file.size)

    def _fetch(self, run: RunDetail, blob: str) -> Model:
        """Return the model whose vector is in a blob."""
        dtype = np.dtype(run.dtype)
        data = self._bytes(blob, n_weights(run.layers) * dtype.itemsize)
        native = np.frombuffer(data, dtype.newbyteorder("<")).astype(dtype, copy=False)
        model = Model(native, run.layers, run.activation, _numbers(run.offset), _numbers(run.scale))
        if f"sha256:{model.sha256}" != blob:
            raise self._damaged()
        return model

    def _damaged(self) -> BadData:
        return BadData(
            f"the model of {self.id} is damaged, in the coordinator's files or on the way; ask for it again, or for "
            f"another --round, which `client.py runs show {self.id}` lists"
        )

    def _bytes(self, blob: str, size: int) -> bytearray:
        data = bytearray(size)
        for offset in range(0, len(data), PART_BYTES):
            length = min(PART_BYTES, len(data) - offset)
            part: Buffer = self._link.call_again("get_blob", blob, offset, length)
            if len(part) != length:
                raise self._damaged()
            data[offset : offset + length] = part
        return data


def submit(link: Link, spec: RunSpec) -> Run:
    """Start a run whose data the coordinator holds; once, however often the answer is lost."""
    # The coordinator may have started the run already when the call is made again: the key tells it so.
    spec = owned(spec if spec.key else replace(spec, key=new_key()), link)
    return Run(link, link.call_again("submit_run", spec))


def _numbers(data: Buffer) -> NDArray[np.float64] | None:
    """The statistics of a standardized run, one float64 per feature; None where the features are raw."""
    return np.frombuffer(data, "<f8").astype(np.float64) if len(data) else None
