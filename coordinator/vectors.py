"""The vectors of a run in memory: versions of the global model, and deltas and their partial sums by holder."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlcore.averaging import ServerOptimizer
from mlcore.kernels.backend import FloatArray
from rpc.arrays import bytes_of
from rpc.digests import RunningDigest, digest
from rpc.messages import PART_BYTES, TrainResult, Vector
from rpc.spare_memory import SpareMemory
from rpc.templates import Template


@dataclass(slots=True)
class RunVectors:
    """What one run holds. Deltas are already multiplied by their weight.

    Attributes:
        models: global weights by version.
        wire: the same models as they are sent.
        tasks: by round, what all its tasks are told, ready to be sent.
        states: what the server optimizer kept after each version, where it keeps anything.
        sums: deltas and partial sums by holder.
        waiting: by attempt, results whose delta waits on its node, and the seconds that sending their task took.
        recipe: all that updates are a function of but for model, round and shard; empty: they are not to be recalled.
        memory: of deltas, and so of the sums and models that they become.
    """

    run: str
    optimizer: ServerOptimizer
    models: dict[int, FloatArray] = field(default_factory=dict)
    wire: dict[int, Vector] = field(default_factory=dict)
    tasks: dict[int, Template] = field(default_factory=dict)
    states: dict[int, FloatArray] = field(default_factory=dict)
    sums: dict[str, FloatArray] = field(default_factory=dict)
    waiting: dict[str, tuple[TrainResult, float]] = field(default_factory=dict)
    recipe: str = ""
    memory: SpareMemory = field(default_factory=SpareMemory)

    def advance(self, version: int, total: FloatArray, divisor: int) -> None:
        """Make a version of the one before and the sum of a round's deltas, in the memory of the latter."""
        running = RunningDigest()
        model = self.optimizer.apply(
            self.models[version - 1], total, divisor, each=lambda piece: running.update(bytes_of(piece))
        )
        self._set(version, model, running.value)

    def set_model(self, version: int, model: FloatArray) -> None:
        """Keep a version that was made elsewhere."""
        self._set(version, model, digest(bytes_of(model)))

    def _set(self, version: int, model: FloatArray, its_digest: int) -> None:
        """Keep a version, ready to be sent: inline up to one part, by name above it."""
        data = bytes_of(model)
        inline = bytes(data) if data.nbytes <= PART_BYTES else None
        name = model_name(self.run, version)
        self.wire[version] = Vector(model.dtype.name, model.size, its_digest, name, inline)
        self.models[version] = model
        if self.optimizer.state is not None:
            self.states[version] = self.optimizer.state

    def discard(self, version: int) -> None:
        self.models.pop(version, None)
        self.states.pop(version, None)
        self.wire.pop(version, None)
        self.tasks.pop(version + 1, None)


def model_name(run: str, version: int) -> str:
    """What a version is called on the nodes."""
    return f"model:{run}/{version}"
