"""The oracle: the training in plain float64 NumPy, written to be read and to be right."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from mlcore.kernels.backend import FloatArray, IntArray
from mlcore.settings import TrainSettings

Vector = NDArray[np.float64]


@dataclass
class Oracle:
    """One training task, every row in its own row, every formula as in the textbooks."""

    settings: TrainSettings

    def train_shard(
        self, model: FloatArray, x: FloatArray, y: IntArray, *, round_number: int, shard: int
    ) -> tuple[Vector, float, int]:
        """Return delta, summed loss of the last epoch and epochs run."""
        settings = self.settings
        w = model.astype(np.float64)
        x = x.astype(np.float64)
        first = np.zeros_like(w)
        second = np.zeros_like(w)
        rng = np.random.default_rng([settings.seed, round_number, shard])
        batch = len(x) if settings.optimizer == "gd" else min(len(x), settings.batch_size or 128)
        steps_per_epoch = -(-len(x) // batch)
        total = settings.rounds * settings.epochs * steps_per_epoch
        step = (round_number - 1) * settings.epochs * steps_per_epoch
        losses: list[float] = []
        n_steps = 0
        for _ in range(settings.epochs):
            order = np.arange(len(x)) if steps_per_epoch == 1 else rng.permutation(len(x))
            losses.append(0.0)
            for start in range(0, len(x), batch):
                rows = order[start : start + batch]
                loss, gradient = self.loss_and_gradient(w, x[rows], y[rows])
                losses[-1] += loss
                per_loss = 1 if settings.optimizer == "gd" else len(rows)  # the gradient is divided by it below
                gradient = gradient + per_loss * settings.prox_mu * (w - model)
                eta = settings.eta * self._eta_factor((step + 0.5) / total)
                n_steps += 1
                step += 1
                w *= 1 - eta * settings.weight_decay * self._decayed()
                if settings.optimizer == "gd":
                    w -= eta * gradient
                elif settings.optimizer == "sgd":
                    first = settings.momentum * first + eta * gradient / len(rows)
                    w -= first
                else:
                    mean = gradient / len(rows)
                    first = 0.9 * first + 0.1 * mean
                    second = 0.999 * second + 0.001 * mean**2
                    corrected = first / (1 - 0.9**n_steps), second / (1 - 0.999**n_steps)
                    w -= eta * corrected[0] / (np.sqrt(corrected[1]) + 1e-8)
            changes = np.abs(np.diff(losses))
            if settings.optimizer == "gd" and len(changes) and changes[-1] <= settings.tolerance:
                break
        return w - model, losses[-1], len(losses)

    def loss_and_gradient(self, w: FloatArray, x: FloatArray, y: IntArray) -> tuple[float, Vector]:
        """Return the cross-entropy summed over the rows, and its gradient."""
        settings = self.settings
        matrices = self._matrices(w)
        inputs = [x]
        for matrix in matrices[:-1]:
            z = inputs[-1] @ matrix[:, :-1].T + matrix[:, -1]
            inputs.append(np.tanh(z) if settings.activation == "tanh" else np.where(z > 0, z, 0.0))
        logits = inputs[-1] @ matrices[-1][:, :-1].T + matrices[-1][:, -1]
        shifted = logits - logits.max(axis=1, keepdims=True)
        log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        n_classes = settings.layers[-1]
        smoothing = settings.label_smoothing
        target = np.eye(n_classes)[y] * (1 - smoothing) + smoothing / n_classes
        d = np.exp(log_softmax) - target
        parts: list[Vector] = []
        for matrix, below in zip(reversed(matrices), reversed(inputs), strict=True):
            parts.append(np.column_stack([d.T @ below, d.sum(axis=0)]).ravel())
            slope = 1 - below**2 if settings.activation == "tanh" else below > 0
            d = (d @ matrix[:, :-1]) * slope  # of no use, and not used, for the inputs themselves
        return float(-(target * log_softmax).sum()), np.concatenate(parts[::-1])

    def _matrices(self, w: FloatArray) -> list[FloatArray]:
        matrices = []
        for below, above in pairwise(self.settings.layers):
            size = above * (below + 1)
            matrices.append(w[:size].reshape(above, below + 1))
            w = w[size:]
        return matrices

    def _decayed(self) -> Vector:
        """Return 1 for each weight and 0 for each bias."""
        layers = self.settings.layers
        masks = []
        for below, above in pairwise(layers):
            mask = np.ones((above, below + 1))
            mask[:, -1] = 0
            masks.append(mask.ravel())
        return np.concatenate(masks)

    def _eta_factor(self, progress: float) -> float:
        if self.settings.eta_schedule == "constant":
            return 1.0
        if self.settings.eta_schedule == "onecycle":
            if progress < 0.3:
                return progress / 0.3
            progress = (progress - 0.3) / 0.7
        return (1 + float(np.cos(np.pi * progress))) / 2
