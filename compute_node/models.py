"""The large models of a coordinator's rounds on this node, which come in parts."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from compute_node.budget import Budget
from mlcore.averaging import chunks
from mlcore.settings import MAX_WEIGHTS
from rpc.digests import RunningDigest
from rpc.errors import BadRequest, BadUpdate, MissingBlob, OutOfMemory
from rpc.messages import BlobState, Buffer, Vector
from rpc.spare_memory import SpareMemory

MODEL = "model:"  # names of models: model:<run>/<version>

_MODEL_NAME = re.compile(r"model:[!-.0-~]+/[0-9]+")  # a run's name is any visible ASCII but the slash
_MAX_NAME = 100
_MAX_MODEL_BYTES = 8 * MAX_WEIGHTS
_PIECE = 256 << 10


class Model:
    """A global model, whole or on its way in."""

    def __init__(self, name: str, memory: NDArray[np.uint8]) -> None:
        self.name = name
        self.have = 0
        self.bytes = memory
        self._digest = RunningDigest()

    def append(self, offset: int, data: Buffer) -> None:
        """Take the next part; one that does not continue what is here is left aside."""
        length = memoryview(data).nbytes
        if offset != self.have or length > len(self.bytes) - offset:
            return
        source, target = np.frombuffer(data, np.uint8), self.bytes[offset : offset + length]
        for piece in chunks(length, _PIECE):  # copied and hashed while it is in the cache
            target[piece] = source[piece]
            self._digest.update(target[piece].data)
        self.have += length

    def checked(self, vector: Vector) -> NDArray[np.uint8]:
        """Return the bytes of a whole model; raises BadUpdate if they are not those that were sent."""
        if self._digest.value != vector.digest:
            raise BadUpdate(f"{self.name} arrived damaged: its XXH3 differs; send it again")
        return self.bytes


class RoundModels:
    """The models that one coordinator has here. All methods run on the loop's thread."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._models: dict[str, Model] = {}
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

    def forget(self, name: str) -> None:
        """Drop a model; harmless if it is not here."""
        self._drop(name)
        if not self._models:
            self._memory.clear()

    def forget_run(self, run: str) -> None:
        """Drop the models of a run that is over."""
        for name in [name for name in self._models if _run_of(name) == run]:
            self.forget(name)

    def forget_all(self) -> None:
        for name in self.names:
            self.forget(name)

    @property
    def names(self) -> list[str]:
        return list(self._models)

    def _drop(self, name: str) -> None:
        model = self._models.pop(name, None)
        if model is not None:
            self._budget.give_back(len(model.bytes))

    def _begin(self, name: str, size: int) -> Model:
        # Only the newest model of a run is needed: its rounds follow one another.
        for other in [other for other in self._models if _run_of(other) == _run_of(name)]:
            self._drop(other)
        self._budget.take(size, name)
        try:
            model = self._models[name] = Model(name, self._memory.take(size, "uint8"))
        except MemoryError as error:
            self._budget.give_back(size)
            raise OutOfMemory(f"{name}: this machine has not {size:,} bytes for it") from error
        return model


def _run_of(name: str) -> str:
    return name.removeprefix(MODEL).rpartition("/")[0]


def _check_model(name: str, size: int) -> None:
    if len(name) > _MAX_NAME or _MODEL_NAME.fullmatch(name) is None:
        raise BadRequest(f"{name[:_MAX_NAME]!r} is no model's name; it must be model:<run>/<version>, 100 characters")
    if not 0 < size <= _MAX_MODEL_BYTES:
        raise BadRequest(f"{name}: a model of {size} bytes cannot be; it has 1 to {_MAX_MODEL_BYTES}")
