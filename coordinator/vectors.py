"""The vectors of the runs in memory: versions of the global model, and deltas and their partial sums by holder."""

from __future__ import annotations

from dataclasses import dataclass, field

from mlcore.averaging import ServerOptimizer
from mlcore.kernels.backend import FloatArray
from rpc.arrays import bytes_of
from rpc.blobs import digest
from rpc.messages import PART_BYTES, Vector


@dataclass(slots=True)
class RunVectors:
    """What one run holds. Deltas are already multiplied by their weight."""

    optimizer: ServerOptimizer
    models: dict[int, FloatArray] = field(default_factory=dict)
    sums: dict[str, FloatArray] = field(default_factory=dict)
    wire: tuple[int, Vector] | None = None  # the newest model as it is sent

    def model_for_wire(self, run: str, version: int) -> Vector:
        """The model as a message: inline up to one part, by name above it. Made once per version."""
        if self.wire is None or self.wire[0] != version:
            model = self.models[version]
            data = bytes_of(model)
            name = f"model:{run}/{version}"
            inline = bytes(data) if data.nbytes <= PART_BYTES else None
            self.wire = (version, Vector(model.dtype.name, model.size, digest(data), name, inline))
        return self.wire[1]
