"""The scikit-learn classifier: what scikit-learn asks of one, and what the cluster adds."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from roundhouse import RoundhouseClassifier, connect
from roundhouse.local_cluster import LocalCluster, local_cluster
from rpc.errors import BadRequest, Unreachable
from tests.system.cluster import wait_until

CHECKOUT = Path(__file__).parents[2]
X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROUNDHOUSE_SERVER", raising=False)


@pytest.fixture
def other_cluster() -> Iterator[LocalCluster]:
    cluster = LocalCluster()
    yield cluster
    cluster.stop()


@parametrize_with_checks([RoundhouseClassifier()])  # type: ignore[untyped-decorator]
def test_it_is_what_scikit_learn_calls_an_estimator(estimator: Any, check: Callable[[Any], None]) -> None:
    check(estimator)


def test_labels_and_columns_may_have_names() -> None:
    table = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    fitted = RoundhouseClassifier(random_state=1).fit(table, NAMES[Y])
    assert fitted.feature_names_in_.tolist() == ["a", "b", "c", "d"]
    assert fitted.classes_.tolist() == NAMES.tolist()
    assert fitted.score(table, NAMES[Y]) > 0.9
    proba = fitted.predict_proba(table)
    assert (NAMES[proba.argmax(axis=1)] == fitted.predict(table)).all()
    assert np.allclose(proba.sum(axis=1), 1)


def test_the_same_random_state_gives_the_same_bits_on_another_cluster(other_cluster: LocalCluster) -> None:
    here, there = (
        RoundhouseClassifier(random_state=7, max_iter=20, rounds=4, shards=3, server=server).fit(X, Y)
        for server in (None, other_cluster.address())
    )
    assert here.result_.model_sha256 == there.result_.model_sha256
    other = RoundhouseClassifier(random_state=8, max_iter=20, rounds=4, shards=3).fit(X, Y)
    assert other.result_.model_sha256 != here.result_.model_sha256


def test_the_environment_names_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROUNDHOUSE_SERVER", "127.0.0.1:1")
    with pytest.raises(Unreachable, match=r"nobody serves at 127\.0\.0\.1:1"):
        RoundhouseClassifier().fit(X, Y)


def test_max_iter_is_shared_out_over_the_rounds() -> None:
    fitted = RoundhouseClassifier(max_iter=17, rounds=5, solver="sgd", learning_rate="onecycle").fit(X, Y)
    assert fitted.n_iter_ == 15
    assert len(fitted.loss_curve_) == len(fitted.validation_scores_) == 5
    assert RoundhouseClassifier(max_iter=3).fit(X, Y).n_iter_ == 3


def test_numbers_may_be_of_numpys_types() -> None:
    numbers: dict[str, Any] = {
        "max_iter": np.int64(4),
        "rounds": np.int32(2),
        "batch_size": np.int64(32),
        "alpha": np.float32(0.01),
    }
    widths: Any = (np.int64(7),)
    assert RoundhouseClassifier(widths, **numbers).fit(X, Y).model_.widths == (4, 7, 3)


def test_an_interrupted_fit_cancels_its_run(other_cluster: LocalCluster) -> None:
    script = (
        "from sklearn.datasets import load_iris; from roundhouse import RoundhouseClassifier\n"
        f"endless = RoundhouseClassifier(max_iter=10**6, rounds=10**4, server={other_cluster.address()!r})\n"
        "endless.fit(*load_iris(return_X_y=True))\n"
    )
    command = [sys.executable, "-c", script]
    with connect(other_cluster.address()) as session:
        with subprocess.Popen(command, cwd=CHECKOUT, stderr=subprocess.PIPE, text=True) as fitting:
            wait_until(lambda: any(run.round > 0 for run in session.runs()), "a round is done")
            fitting.send_signal(signal.SIGINT)
            _, err = fitting.communicate(timeout=60)
        (row,) = session.runs()
    assert f"{row.id} is cancelled" in err
    assert row.state == "cancelled"


def test_early_stopping_ends_before_max_iter() -> None:
    patient = RoundhouseClassifier(early_stopping=True, n_iter_no_change=3, max_iter=400, rounds=400, random_state=1)
    fitted = patient.fit(X, Y)
    assert fitted.n_iter_ < 400


def test_all_fits_share_one_cluster() -> None:
    scores = cross_val_score(RoundhouseClassifier(max_iter=40, learning_rate_init=0.01, random_state=1), X, Y, cv=3)
    assert scores.mean() > 0.8
    with connect(local_cluster().address()) as session:
        assert len(session.runs()) >= 3


def test_a_run_becomes_a_classifier() -> None:
    fitted = RoundhouseClassifier((6, 5), "tanh", random_state=2).fit(X, Y)
    run_id, server = fitted.result_.id, local_cluster().address()
    again = RoundhouseClassifier.from_run(run_id, server=server, classes=NAMES)
    assert (again.predict(X) == NAMES[fitted.predict(X)]).all()
    assert again.get_params()["hidden_layer_sizes"] == (6, 5)
    assert again.score(X, NAMES[Y]) == fitted.score(X, Y)
    with connect(server) as session:
        assert (RoundhouseClassifier.from_run(session.run(run_id)).predict(X) == fitted.predict(X)).all()
    with pytest.raises(BadRequest, match=rf"{run_id} has 3 classes, but classes has shape \(2,\)"):
        RoundhouseClassifier.from_run(run_id, server=server, classes=["a", "b"])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"rounds": 0}, "rounds must be a whole number, 1 or more, not 0"),
        ({"max_iter": 2.5}, r"max_iter must be a whole number, 1 or more, not 2\.5"),
        ({"shards": 0}, "shards must be a whole number, 1 or more, not 0"),
        ({"validation_fraction": 1.0}, "validation_fraction must be from 0 to below 1, not 1.0"),
        ({"solver": "lbfgs"}, "optimizer must be one of gd, sgd, adam, not 'lbfgs'"),
        ({"learning_rate_init": -1.0}, "eta must be a finite number above 0, not -1.0"),
    ],
)
def test_a_senseless_parameter_is_refused(parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(BadRequest, match=message):
        RoundhouseClassifier(**parameters).fit(X, Y)


def test_a_failed_first_fit_leaves_a_classifier_that_is_not_fitted() -> None:
    classifier = RoundhouseClassifier(rounds=0)
    with pytest.raises(BadRequest):
        classifier.fit(X, Y)
    with pytest.raises(NotFittedError):
        classifier.predict(X)


def test_after_a_failed_fit_the_model_before_it_answers_with_its_own_labels() -> None:
    classifier = RoundhouseClassifier(max_iter=4, rounds=2, random_state=1).fit(X, NAMES[Y])
    before = classifier.predict(X)
    classifier.set_params(rounds=0)
    with pytest.raises(BadRequest):
        classifier.fit(X, Y + 7)
    assert classifier.classes_.tolist() == NAMES.tolist()
    assert (classifier.predict(X) == before).all()


def test_any_server_optimizer_will_do() -> None:
    assert RoundhouseClassifier(max_iter=4, rounds=2, server_optimizer="fedadam").fit(X, Y).n_iter_ == 4


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", script], cwd=CHECKOUT, capture_output=True, text=True, timeout=60)


def test_importing_roundhouse_does_not_import_scikit_learn() -> None:
    assert run("import sys, roundhouse; print('sklearn' in sys.modules)").stdout == "False\n"


def test_without_scikit_learn_one_line_says_what_to_install() -> None:
    done = run("import sys; sys.modules['sklearn'] = None; from roundhouse import RoundhouseClassifier")
    message = "RoundhouseClassifier needs scikit-learn: pip install 'roundhouse[sklearn]'"
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: {message}"


def test_any_other_name_is_none_of_roundhouse() -> None:
    done = run("import roundhouse; roundhouse.nothing")
    assert done.stderr.endswith("AttributeError: module 'roundhouse' has no attribute 'nothing'\n")
