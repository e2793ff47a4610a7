"""A scikit-learn classifier that trains on a cluster."""

from __future__ import annotations

import logging
import operator
import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from client.api import Model, Result, Run, Session, connect
from client.giving_up import give_up
from client.settings import Settings
from roundhouse.local_cluster import local_cluster
from roundhouse.training_data import hold_out, n_shards, write_folder
from rpc.errors import BadRequest

Array = NDArray[Any]
Table = NDArray[np.float64]

logger = logging.getLogger(__name__)


class RoundhouseClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A multilayer perceptron trained by the nodes of a cluster.

    The parameters up to `random_state` are those of scikit-learn's MLPClassifier; the others are Roundhouse's.
    The same `random_state` (a number), data and parameters give the same model on any number of nodes.

    Args:
        hidden_layer_sizes: units of the hidden layer, or of each of several.
        activation: relu or tanh.
        solver: adam or sgd, of the nodes.
        alpha: weight decay, decoupled (AdamW), not on biases.
        batch_size: rows of a batch; "auto" is 128.
        learning_rate: how it changes over the training: constant, cosine or onecycle.
        learning_rate_init: the learning rate; the highest one of a schedule.
        max_iter: passes over the data, at most.
        momentum: of sgd.
        early_stopping: end when the validation error has not become better for `n_iter_no_change` rounds.
        validation_fraction: share of each class that is held out to tell the validation error, and not trained on.
            Where that makes fewer than ten rows, all rows train and validate.
        random_state: seed of the start, the order of the rows and what is held out.
        rounds: how often the nodes' work is averaged; each round is `max_iter / rounds` passes, rounded down.
        shards: parts of the data that are trained on side by side; None: one for each 4,000 rows, 16 at most.
        standardize: scale each feature to mean 0 and deviation 1; the model does so with what it predicts, too.
        label_smoothing: share of the target that is spread over all classes.
        server_optimizer: what applies the average: fedavg, fedavgm, nesterov, fedadam or fedyogi.
        dtype: of the weights, float32 or float64.
        server: `HOST:PORT` of a coordinator. Without it and ROUNDHOUSE_SERVER, a coordinator and a node are started
            on this machine, shared by all fits of this process, and ended with it.

    Attributes:
        classes_: the labels, (n_classes,).
        model_: the trained `Model`.
        result_: the run's `Result`.
        n_features_in_: columns of the data; `feature_names_in_` their names, where it had some.
        n_iter_: passes over the data that were made.
        loss_curve_: training loss of each round, summed over the rows; `validation_scores_` the share of right answers.
    """

    def __init__(
        self,
        hidden_layer_sizes: int | tuple[int, ...] = (100,),
        activation: Literal["relu", "tanh"] = "relu",
        *,
        solver: Literal["adam", "sgd"] = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "cosine", "onecycle"] = "constant",
        learning_rate_init: float = 0.001,
        max_iter: int = 200,
        momentum: float = 0.9,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        random_state: int | np.random.RandomState | None = None,
        rounds: int = 20,
        shards: int | None = None,
        standardize: bool = True,
        label_smoothing: float = 0.0,
        server_optimizer: Literal["fedavg", "fedavgm", "nesterov", "fedadam", "fedyogi"] = "fedavg",
        dtype: Literal["float32", "float64"] = "float32",
        server: str | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.max_iter = max_iter
        self.momentum = momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.random_state = random_state
        self.rounds = rounds
        self.shards = shards
        self.standardize = standardize
        self.label_smoothing = label_smoothing
        self.server_optimizer = server_optimizer
        self.dtype = dtype
        self.server = server

    @classmethod
    def from_run(cls, run: Run | str, *, server: str | None = None, classes: ArrayLike | None = None) -> Self:
        """Return a fitted classifier with the model of a run that is completed.

        Args:
            run: a run, or the id of one at `server`.
            classes: the labels in the order of the run's classes; None: 0, 1, ...

        Raises:
            BadRequest: the run has not ended, or has another number of classes.
            RunFailed: it ended without a model.
        """
        if isinstance(run, str):
            with connect(server) as session:
                return cls.from_run(session.run(run), classes=classes)
        model = run.model()
        labels = np.arange(model.widths[-1]) if classes is None else np.asarray(classes)
        if labels.shape != (model.widths[-1],):
            raise BadRequest(f"{run.id} has {model.widths[-1]} classes, but classes has shape {labels.shape}")
        classifier = cls(model.widths[1:-1], "tanh" if model.activation == "tanh" else "relu")
        classifier.n_features_in_ = model.widths[0]
        return classifier._keep(model, run.wait(), labels)

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Train on rows `X` (n_rows, n_features) with labels `y` (n_rows,); return self.

        Raises:
            ValueError: the data is no such table.
            TrainerError: a parameter makes no sense, the run failed, or the server cannot be reached.
        """
        x, targets = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(targets)
        classes, labels = np.unique(targets, return_inverse=True)
        server = self.server or os.environ.get("ROUNDHOUSE_SERVER")
        opened = connect(server) if server else local_cluster().connect()
        with opened as session, TemporaryDirectory(prefix="roundhouse-fit-") as folder:
            run = self._submit(session, Path(folder), np.column_stack((x, labels)))
            try:
                result = run.wait()
            except KeyboardInterrupt:
                logger.warning("%s", give_up(run.id, session.link))
                raise
            return self._keep(run.model(), result, classes)

    def predict(self, X: ArrayLike) -> Array:
        """Return the most likely label of each row of `X` (n_rows, n_features), shape (n_rows,)."""
        x = self._checked(X)
        return np.asarray(self.classes_[self.model_.predict(x)])

    def predict_proba(self, X: ArrayLike) -> Table:
        """Return the probability of each label for each row of `X`, shape (n_rows, n_classes)."""
        x = self._checked(X)
        return self.model_.predict_proba(x)

    def _submit(self, session: Session, folder: Path, table: Table) -> Run:
        """Start a run on rows whose last column is their class, by way of an empty folder."""
        rounds = min(self._whole("rounds"), self._whole("max_iter"))
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        settings = self._settings(seed, n_classes=int(table[:, -1].max()) + 1)
        if not 0 <= self.validation_fraction < 1:
            raise BadRequest(f"validation_fraction must be from 0 to below 1, not {self.validation_fraction}")
        train, validation = hold_out(table[:, -1], self.validation_fraction, np.random.default_rng(seed))
        shards = n_shards(len(train), None if self.shards is None else self._whole("shards"))
        write_folder(folder, table[train], table[validation], shards)
        return session.submit(
            folder,
            rounds=rounds,
            epochs=self._whole("max_iter") // rounds,
            hidden=self.hidden_layer_sizes,
            eta=float(self.learning_rate_init),
            **settings,
        )

    def _settings(self, seed: int, n_classes: int) -> Settings:
        """The run's settings; searches give numbers of NumPy's types, which are made Python's."""
        return Settings(
            classes=n_classes,
            activation=self.activation,
            optimizer=self.solver,
            batch_size=0 if self.batch_size == "auto" else self._whole("batch_size"),
            momentum=float(self.momentum),
            weight_decay=float(self.alpha),
            label_smoothing=float(self.label_smoothing),
            eta_schedule=self.learning_rate,
            standardize=bool(self.standardize),
            server_optimizer=self.server_optimizer,
            dtype=self.dtype,
            seed=seed,
            patience=self._whole("n_iter_no_change") if self.early_stopping else 0,
        )

    def _whole(self, name: str) -> int:
        """Return the parameter with this name, a whole number from 1.

        Raises:
            BadRequest: it is none.
        """
        value = getattr(self, name)
        try:
            number = operator.index(value)
        except TypeError:
            number = 0
        if number < 1:
            raise BadRequest(f"{name} must be a whole number, 1 or more, not {value!r}")
        return number

    def _keep(self, model: Model, result: Result, classes: Array) -> Self:
        self.classes_ = classes
        self.model_ = model
        self.result_ = result
        self.n_iter_ = sum(each.epochs_run // max(1, each.tasks) for each in result.rounds)
        self.loss_curve_ = [each.train_loss for each in result.rounds]
        errors = [np.nan if each.validation_error is None else each.validation_error for each in result.rounds]
        self.validation_scores_ = [1 - error for error in errors]
        return self

    def _checked(self, X: ArrayLike) -> Table:
        check_is_fitted(self, "model_")
        x: Table = validate_data(self, X, dtype=np.float64, reset=False)
        return x
