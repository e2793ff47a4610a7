"""The large vectors of a coordinator's rounds on this node: models that come in parts, deltas that go in parts."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcore.settings import MAX_WEIGHTS
from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.errors import BadRequest, BadUpdate, MissingBlob, OutOfMemory
from rpc.messages import PART_BYTES, BlobState, Buffer, Vector
from rpc.spare_memory import SpareMemory

MODEL = "model:"  # names of incoming vectors: model:<run>/<version>
DELTA = "delta:"  # names of outgoing ones: delta:<attempt>

_MODEL_NAME = re.compile(r"model:[!-.0-~]+/[0-9]+")  # a run's name is any visible ASCII but the slash
_MAX_NAME = 100
_MAX_MODEL_BYTES = 8 * MAX_WEIGHTS


class Budget:
    """The bytes that all vectors of a node may hold together."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self.held_bytes = 0

    def take(self, size: int, name: str) -> None:
        """Count the bytes of a vector; raises OutOfMemory, counting nothing, if they are too many."""
        if self.held_bytes + size > self._max_bytes:
            raise OutOfMemory(
                f"{name}: {size:,} bytes do not fit; this node's models and deltas hold {self.held_bytes:,} "
                f"of {self._max_bytes:,}"
            )
        self.held_bytes += size

    def give_back(self, size: int) -> None:
        self.held_bytes -= size


class Model:
    """A global model, whole or on its way in."""

    def __init__(self, name: str, memory: NDArray[np.uint8]) -> None:
        self.name = name
        self.have = 0
        self.bytes = memory
        self._is_checked = False

    def append(self, offset: int, data: Buffer) -> None:
        """Take the next part; one that does not continue what is here is left aside."""
        length = memoryview(data).nbytes
        if offset == self.have and length <= len(self.bytes) - offset:
            self.bytes[offset : offset + length] = np.frombuffer(data, np.uint8)
            self.have += length

    def checked(self, vector: Vector) -> NDArray[np.uint8]:
        """Return the bytes; raises BadUpdate if they are not those that were sent. For any thread."""
        if not self._is_checked:
            if digest(bytes_of(self.bytes)) != vector.digest:
                raise BadUpdate(f"{self.name} arrived damaged: its XXH3 differs; send it again")
            self._is_checked = True
        return self.bytes


@dataclass(frozen=True, slots=True)
class _Delta:
    bytes: memoryview
    asker: object


class RoundVectors:
    """What one coordinator has here. All methods run on the loop's thread."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._models: dict[str, Model] = {}
        self._deltas: dict[str, _Delta] = {}
        self._memory = SpareMemory()  # of one model at most: it is taken up as soon as it comes back

    def put(self, name: str, size: int, offset: int, data: Buffer) -> BlobState:
        """Take the next part of a model; a part that does not continue what is here is answered with what is.

        Raises:
            BadRequest: name or size are none of a model.
            OutOfMemory: the vectors of this node would hold more than they may.
        """
        _check_model(name, size)
        model = self._models.get(name)
        if model is None or len(model.bytes) != size:
            model = self._begin(name, size)
        model.append(offset, data)
        return BlobState(name, size, model.have)

    def model(self, name: str) -> Model:
        """Return a model; raises MissingBlob if it is not here, or not all of it."""
        model = self._models.get(name)
        if model is None or model.have < len(model.bytes):
            raise MissingBlob(f"{name[:_MAX_NAME]} is not on this node; send it again")
        return model

    def keep(self, attempt: str, delta: Buffer, asker: object) -> str:
        """Hold a delta until it or its asker is forgotten; return its name. Raises OutOfMemory as `put` does."""
        name = DELTA + attempt
        self.forget(name)
        held = memoryview(delta).cast("B")
        self._budget.take(held.nbytes, name)
        self._deltas[name] = _Delta(held, asker)
        return name

    def get(self, name: str, offset: int, length: int) -> memoryview:
        """Return a part of a delta.

        Raises:
            BadRequest: the offset is negative, or the length none of a part.
            MissingBlob: it is not here.
        """
        if offset < 0 or not 0 <= length <= PART_BYTES:
            raise BadRequest(f"{length} bytes from {offset} cannot be asked for; a part has up to {PART_BYTES}")
        delta = self._deltas.get(name)
        if delta is None:
            raise MissingBlob(f"{name[:_MAX_NAME]} is not on this node any more; train again")
        return delta.bytes[offset : offset + length]

    def forget(self, name: str) -> None:
        """Drop a vector; harmless if it is not here."""
        self._drop(name)
        if not self._models:
            self._memory.clear()

    def forget_deltas_of(self, asker: object) -> None:
        """Drop what would be fetched by somebody who has gone."""
        for name in [name for name, delta in self._deltas.items() if delta.asker is asker]:
            self.forget(name)

    def forget_all(self) -> None:
        for name in self.names:
            self.forget(name)

    @property
    def names(self) -> list[str]:
        return [*self._models, *self._deltas]

    def _drop(self, name: str) -> None:
        model, delta = self._models.pop(name, None), self._deltas.pop(name, None)
        if model is not None:
            self._budget.give_back(len(model.bytes))
        if delta is not None:
            self._budget.give_back(delta.bytes.nbytes)

    def _begin(self, name: str, size: int) -> Model:
        # Only the newest model of a run is needed: its rounds follow one another.
        run = name.rpartition("/")[0]
        for other in [other for other in self._models if other.rpartition("/")[0] == run]:
            self._drop(other)
        self._budget.take(size, name)
        try:
            model = self._models[name] = Model(name, self._memory.take(size, "uint8"))
        except MemoryError as error:
            self._budget.give_back(size)
            raise OutOfMemory(f"{name}: this machine has not {size:,} bytes for it") from error
        return model


def _check_model(name: str, size: int) -> None:
    if len(name) > _MAX_NAME or _MODEL_NAME.fullmatch(name) is None:
        raise BadRequest(f"{name[:_MAX_NAME]!r} is no model's name; it must be model:<run>/<version>, 100 characters")
    if not 0 < size <= _MAX_MODEL_BYTES:
        raise BadRequest(f"{name}: a model of {size} bytes cannot be; it has 1 to {_MAX_MODEL_BYTES}")
