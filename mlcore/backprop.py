"""Forward and backward passes over one batch, in buffers made once."""

from collections.abc import Sequence

from mlcore.kernels.backend import Backend, FloatArray, IntArray


class ForwardBuffers:
    """Activations of up to `n_rows` rows: made once, overwritten by every pass.

    Each hidden layer has an array (units + 1, rows) whose last row is ones and carries the bias of the next.
    """

    def __init__(self, backend: Backend, layers: Sequence[int], n_rows: int, dtype: str) -> None:
        self._backend = backend
        self.inputs: list[FloatArray] = []  # of each layer after the first: activations with the ones row
        self.outputs: list[FloatArray] = []  # of each layer: its units only
        for units in layers[1:-1]:
            activations = backend.empty((units + 1, n_rows), dtype)
            activations[units:, :] = 1.0
            self.inputs.append(activations)
            self.outputs.append(activations[:units, :])
        self.outputs.append(backend.empty((layers[-1], n_rows), dtype))

    def forward(self, weights: Sequence[FloatArray], x: FloatArray, activation: str) -> FloatArray:
        """Return the logits (classes, rows) of `x` (rows, inputs + 1), whose last column is ones."""
        source = x.T
        for layer, output in enumerate(self.outputs):
            self._backend.matmul(weights[layer], source, output)
            if layer < len(self.inputs):
                self._backend.activate(output, activation)
                source = self.inputs[layer]
        return self.outputs[-1]


class BackwardBuffers(ForwardBuffers):
    """The same with the gradients of the hidden layers' inputs, each (units, rows)."""

    def __init__(self, backend: Backend, layers: Sequence[int], n_rows: int, dtype: str) -> None:
        super().__init__(backend, layers, n_rows, dtype)
        self._deltas = [backend.empty((units, n_rows), dtype) for units in layers[1:-1]]

    def gradient(
        self,
        weights: Sequence[FloatArray],
        gradients: Sequence[FloatArray],
        batch: tuple[FloatArray, IntArray],
        *,
        activation: str,
        smoothing: float,
        scale: float,
        loss: FloatArray,
    ) -> None:
        """Write `scale` times the gradient of the summed loss over one batch; add that loss to `loss`.

        Args:
            weights: views (out, in + 1), one per layer.
            gradients: views of the same shapes, overwritten.
            batch: inputs (rows, inputs + 1) with a last column of ones, and classes (rows,).
            loss: float64, shape (1,).
        """
        x, y = batch
        d = self.forward(weights, x, activation)
        self._backend.softmax_cross_entropy(d, y, loss, scale=scale, smoothing=smoothing)
        for layer in range(len(weights) - 1, 0, -1):
            below = self._deltas[layer - 1]
            self._backend.weight_gradient(d, self.inputs[layer - 1], gradients[layer])
            self._backend.matmul(weights[layer][:, :-1].T, d, below)
            self._backend.activation_gradient(below, self.outputs[layer - 1], activation)
            d = below
        self._backend.matmul(d, x, gradients[0])
