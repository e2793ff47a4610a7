"""Workspaces: kept per thread, by shape, within a bound."""

import gc
import weakref
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from mlcore import workspace
from mlcore.kernels.numpy_backend import NumpyBackend
from mlcore.mlp import n_weights
from mlcore.workspace import Shape, Workspace, release_workspaces, workspace_for

SHAPE = Shape((16, 24, 26), n_rows=1600, n_batch_rows=1600, n_states=0, dtype="float32")


def test_the_same_shape_gets_the_same_workspace_again() -> None:
    assert workspace_for(NumpyBackend(), SHAPE) is workspace_for(NumpyBackend(), SHAPE)
    for other in (replace(SHAPE, n_states=1), replace(SHAPE, is_proximal=True)):
        assert workspace_for(NumpyBackend(), other) is not workspace_for(NumpyBackend(), SHAPE)


def test_no_two_threads_share_a_workspace() -> None:
    others: list[Workspace] = []
    thread = Thread(target=lambda: others.append(workspace_for(NumpyBackend(), SHAPE)))
    thread.start()
    thread.join(timeout=10)
    assert others[0] is not workspace_for(NumpyBackend(), SHAPE)


def test_the_least_recently_used_goes_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_MOST_KEPT_BYTES", int(2.5 * SHAPE.n_bytes))
    shapes = [replace(SHAPE, n_rows=1600 - n, n_batch_rows=1600 - n) for n in range(3)]
    first, second = (workspace_for(NumpyBackend(), shape) for shape in shapes[:2])
    assert workspace_for(NumpyBackend(), shapes[0]) is first
    workspace_for(NumpyBackend(), shapes[2])
    assert workspace_for(NumpyBackend(), shapes[0]) is first
    assert workspace_for(NumpyBackend(), shapes[1]) is not second


def test_one_that_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workspace, "_MOST_KEPT_BYTES", SHAPE.n_bytes - 1)
    assert workspace_for(NumpyBackend(), SHAPE) is not workspace_for(NumpyBackend(), SHAPE)


def test_a_short_last_batch_has_buffers_of_its_own() -> None:
    space = Workspace(NumpyBackend(), replace(SHAPE, n_rows=1000, n_batch_rows=128))
    space.load(np.zeros(n_weights(SHAPE.layers), "float32"), np.zeros((1000, 16)), np.zeros(1000))
    space.shuffle(np.random.default_rng(0))
    assert space.shape.n_batches == 8
    assert space.batch(6)[1] == 128
    assert space.batch(7)[1] == 104


def test_a_thread_can_let_go_of_its_workspaces() -> None:
    kept = weakref.ref(workspace_for(NumpyBackend(), SHAPE))
    release_workspaces()
    gc.collect()
    assert kept() is None
