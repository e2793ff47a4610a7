"""The numeric class: a hash of what small models become through the kernels actually selected.

Two machines of one class give the same bits for the same task. The class is found by doing, not by asking
for versions: the BLAS in use, its kernels for this CPU, NumPy's SIMD loops and its shuffles all show in it.
"""

from hashlib import sha256

import numpy as np

from mlcore.kernels import blas
from mlcore.kernels.backend import Backend
from mlcore.kernels.threads import set_threads

# (layers, rows, activation, optimizer): below and above the sizes where BLAS changes from small-matrix code to
# packed panels, and where products and steps are shared among threads (which the last one is just large enough
# for: 34 million multiplications, 271,882 weights); with tall batches, odd widths, no and two hidden layers.
_CASES = (
    ((16, 24, 26), 1600, "relu", "gd"),
    ((7, 26), 130, "relu", "sgd"),
    ((16, 96, 65, 10), 300, "tanh", "sgd"),
    ((31, 256, 26), 384, "relu", "adam"),
    ((128, 300, 130), 256, "tanh", "adam"),
    ((520, 512, 10), 128, "relu", "sgd"),
)


def numeric_class(backend: Backend, *, dtype: str, threads: int) -> str:
    """Return 16 hex digits that are equal on two machines only if their self-tests agree in every bit.

    Lets this thread share its work among `threads` and leaves it so.

    Raises:
        ValueError: `threads` is below 1.
    """
    # Imported late: training imports these kernels.
    from mlcore.mlp import init_weights
    from mlcore.training import TrainSettings, train_shard

    set_threads(threads)
    # Where products can be added only after they are rounded, it shows in longer batches than there is time for here.
    digest = sha256(f"{dtype} {threads} {blas.can_add(np.dtype(dtype))}".encode())
    for number, (layers, n_rows, activation, optimizer) in enumerate(_CASES):
        settings = TrainSettings(
            layers, activation=activation, optimizer=optimizer, epochs=2, eta=0.001, dtype=dtype, seed=number
        )
        rng = np.random.default_rng(number)
        x = rng.standard_normal((n_rows, layers[0])).astype(dtype)
        y = rng.integers(layers[-1], size=n_rows)
        x.flags.writeable = y.flags.writeable = False  # as a node's shards are: loops are compiled for one or the other
        model = init_weights(layers, init="he", seed=number, dtype=dtype)
        result = train_shard(model, x, y, settings, round_number=1, shard=0, backend=backend)
        digest.update(result.delta.tobytes())
    return digest.hexdigest()[:16]
