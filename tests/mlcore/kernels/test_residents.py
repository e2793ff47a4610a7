"""Arrays that stay on a device: brought over once, dropped with their original or for lack of room."""

import gc
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from weakref import getweakrefcount, ref

import numpy as np
import pytest

from mlcore.kernels.residents import Residents
from mlcore.training import TrainSettings, train_shard
from tests.mlcore.strict_backend import StrictBackend


class Device:
    """Counts what comes over."""

    def __init__(self, most_bytes: int = 1000) -> None:
        self.copied: list[int] = []
        self.residents = Residents(self.copy, most_bytes)

    def copy(self, array: np.ndarray) -> np.ndarray:
        self.copied.append(int(array[0]))
        return array.copy()


def constant(value: int, n_bytes: int = 400) -> np.ndarray:
    array = np.full(n_bytes // 8, value)
    array.flags.writeable = False
    return array


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Threads take turns as often as Python can."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def test_a_read_only_array_comes_over_once() -> None:
    device, array = Device(), constant(7)
    assert device.residents.get(array) is device.residents.get(array)
    assert device.copied == [7]


def test_one_that_may_change_comes_over_each_time() -> None:
    device, array = Device(), constant(7).copy()
    device.residents.get(array)
    array[:] = 8
    assert device.residents.get(array)[0] == 8


def test_a_copy_goes_with_its_original() -> None:
    device = Device()
    for value in range(4):  # the memory, and so the id, of one is likely to be the next one's
        assert device.residents.get(constant(value))[0] == value
        gc.collect()


def test_the_least_recently_used_makes_room() -> None:
    device, (a, b, c) = Device(), (constant(1), constant(2), constant(3))
    for array in (a, b, a, c, a, b):
        device.residents.get(array)
    assert device.copied == [1, 2, 3, 2]


def test_an_array_that_comes_and_goes_is_watched_once() -> None:
    device, arrays = Device(), [constant(value) for value in range(4)]
    for _ in range(5):
        for array in arrays:
            device.residents.get(array)
    assert len(device.copied) == 20
    assert [getweakrefcount(array) for array in arrays] == [0, 0, 1, 1]


def test_the_copy_of_one_that_is_gone_makes_room_for_the_next() -> None:
    device, kept, gone = Device(), constant(1), constant(2)
    device.residents.get(kept)
    copy = ref(device.residents.get(gone))
    del gone
    device.residents.get(other := constant(3))
    assert copy() is None
    device.residents.get(kept), device.residents.get(other)
    assert device.copied == [1, 2, 3]


@pytest.mark.usefixtures("hasty_threads")
def test_arrays_may_end_on_any_thread_while_others_ask() -> None:
    residents = Residents(np.copy, most_bytes=400_000)

    def ask(first: int) -> None:
        for value in range(first, first + 200):
            arrays = [constant(value + each) for each in range(64)]
            assert [residents.get(array)[0] for array in arrays] == [array[0] for array in arrays]

    with ThreadPoolExecutor(4) as threads:
        for _ in threads.map(ask, range(0, 40_000, 10_000)):
            pass


def test_one_too_large_is_not_kept() -> None:
    device, array = Device(), constant(1, n_bytes=1600)
    device.residents.get(array)
    device.residents.get(array)
    assert device.copied == [1, 1]


def test_only_the_model_goes_up_in_the_second_round() -> None:
    backend = StrictBackend()
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 5)).astype("float32"), rng.integers(3, size=40)
    x.flags.writeable = y.flags.writeable = False
    settings = TrainSettings((5, 4, 3), optimizer="sgd", batch_size=10, rounds=2)
    model = np.ones(39, "float32") / 10
    for round_number in (1, 2):
        backend.brought.clear()
        train_shard(model, x, y, settings, round_number=round_number, shard=0, backend=backend)
    assert backend.brought == [model.shape, (40,)]  # and the order of the rows
