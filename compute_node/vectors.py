"""The large vectors of a round on this node: models that come in parts, deltas that will be fetched in parts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.errors import BadUpdate, MissingBlob
from rpc.messages import BlobState, Buffer, Vector

MODEL = "model:"  # names of incoming vectors: model:<run>/<version>
DELTA = "delta:"  # names of outgoing ones: delta:<attempt>


@dataclass(slots=True)
class _Incoming:
    bytes: NDArray[np.uint8]
    have: int = 0
    is_checked: bool = False


class RoundVectors:
    """Models on their way in and deltas on their way out, in memory. Methods of one name never run at the same time."""

    def __init__(self) -> None:
        self._models: dict[str, _Incoming] = {}
        self._deltas: dict[str, memoryview] = {}

    def put(self, name: str, size: int, offset: int, data: Buffer) -> BlobState:
        """Take the next part of a model; a part that does not continue what is here is answered with what is."""
        model = self._models.get(name)
        if model is None or len(model.bytes) != size:
            self._forget_older(name)
            model = self._models[name] = _Incoming(np.empty(size, np.uint8))
        length = memoryview(data).nbytes
        if offset == model.have and length <= size - offset:
            model.bytes[offset : offset + length] = np.frombuffer(data, np.uint8)
            model.have += length
        return BlobState(name, size, model.have)

    def model(self, vector: Vector) -> NDArray[np.uint8]:
        """Return the bytes of a whole model.

        Raises:
            MissingBlob: it is not here, or not all of it.
            BadUpdate: the bytes are not those that were sent.
        """
        model = self._models.get(vector.name)
        if model is None or model.have < len(model.bytes):
            raise MissingBlob(f"{vector.name} is not on this node; send it again")
        if not model.is_checked:
            if digest(bytes_of(model.bytes)) != vector.digest:
                del self._models[vector.name]
                raise BadUpdate(f"{vector.name} arrived damaged: its XXH3 differs; send it again")
            model.is_checked = True
        return model.bytes

    def keep(self, attempt: str, delta: Buffer) -> str:
        """Hold a delta until it is forgotten; return its name."""
        name = DELTA + attempt
        self._deltas[name] = memoryview(delta).cast("B")
        return name

    def get(self, name: str, offset: int, length: int) -> memoryview:
        """Return a part of a delta.

        Raises:
            MissingBlob: it is not here.
        """
        delta = self._deltas.get(name)
        if delta is None:
            raise MissingBlob(f"{name} is not on this node any more; train again")
        return delta[offset : offset + length]

    def forget(self, name: str) -> None:
        self._models.pop(name, None)
        self._deltas.pop(name, None)

    @property
    def names(self) -> list[str]:
        return [*self._models, *self._deltas]

    def _forget_older(self, name: str) -> None:
        """Only the newest model of a run is needed: its rounds follow one another."""
        run = name.rpartition("/")[0]
        for other in [other for other in self._models if other.rpartition("/")[0] == run]:
            del self._models[other]
