"""scikit-learn's MLPClassifier, fed the rows in the order in which everybody takes them."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from bench.core.works import Floats, Work
from mlcore.mlp import layer_views


def prepare(work: Work, threads: int) -> Callable[[], Floats]:
    warnings.simplefilter("ignore", ConvergenceWarning)
    x, y = work.rows_and_classes
    classifier = _classifier(work)
    # It makes its arrays at the first call, and wants to see every class then.
    classifier.fit(x, y)
    classifier.set_params(warm_start=True)
    full = work.batch == work.rows

    def train() -> Floats:
        _write(work, classifier)
        for order in work.orders()[: 1 if full else None]:  # with one batch an epoch it counts the epochs itself
            classifier.fit(*((x, y) if full else (x[order], y[order])))
        return _read(classifier)

    return train


def _classifier(work: Work) -> MLPClassifier:
    settings = work.settings
    full = settings.optimizer == "gd"
    return MLPClassifier(
        settings.layers[1:-1],
        solver="adam" if settings.optimizer == "adam" else "sgd",
        alpha=0.0,
        batch_size=work.batch,
        # It always averages over the batch.
        learning_rate_init=settings.eta * (work.rows if full else 1),
        max_iter=settings.epochs if full else 1,
        shuffle=False,
        momentum=0.0 if full else settings.momentum,
        nesterovs_momentum=False,
        n_iter_no_change=10**9,  # it would count from call to call
        tol=0.0,
        epsilon=1e-8,
    )


def _write(work: Work, classifier: MLPClassifier) -> None:
    matrices = layer_views(work.model, work.settings.layers)
    classifier.coefs_ = [np.ascontiguousarray(matrix[:, :-1].T) for matrix in matrices]
    classifier.intercepts_ = [matrix[:, -1].copy() for matrix in matrices]


def _read(classifier: MLPClassifier) -> Floats:
    pairs = zip(classifier.coefs_, classifier.intercepts_, strict=True)
    flat: Floats = np.concatenate([np.column_stack([w.T, b]).ravel() for w, b in pairs])
    return flat
