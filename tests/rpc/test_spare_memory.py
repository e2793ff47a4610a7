"""Memory of vectors: used again when nobody can see it any more, never before."""

from __future__ import annotations

import tracemalloc

import numpy as np

from rpc.arrays import bytes_of
from rpc.spare_memory import SpareMemory

LENGTH = 1 << 20


def test_the_memory_of_a_dropped_vector_is_used_again() -> None:
    memory = SpareMemory()
    first = memory.take(LENGTH, "float32")
    place = first.ctypes.data
    del first
    assert memory.take(LENGTH, "float32").ctypes.data == place


def test_vectors_in_use_share_nothing() -> None:
    memory = SpareMemory()
    vectors = [memory.take(LENGTH, "float32") for _ in range(3)]
    for number, vector in enumerate(vectors):
        vector[:] = number
    assert [vector.sum() for vector in vectors] == [0.0, LENGTH, 2.0 * LENGTH]


def test_a_view_of_a_vector_keeps_its_memory() -> None:
    memory = SpareMemory()
    vector = memory.take(LENGTH, "float32")
    vector[:] = 1.0
    sent, half = bytes_of(vector)[8:], vector[LENGTH // 2 :]
    del vector
    memory.take(LENGTH, "float32")[:] = 2.0
    assert np.frombuffer(sent, np.float32).max() == half.max() == 1.0
    del sent
    memory.take(LENGTH, "float32")[:] = 2.0
    assert half.max() == 1.0


def test_vectors_of_another_size_and_type_fit() -> None:
    memory = SpareMemory()
    memory.take(LENGTH, "float32")
    assert memory.take(LENGTH, "float64").shape == (LENGTH,)
    assert memory.take(3, "float32").dtype == np.float32
    assert memory.take(LENGTH, "float32").shape == (LENGTH,)


def test_after_clear_memory_goes_back_to_the_system() -> None:
    tracemalloc.start()
    try:
        memory = SpareMemory()
        used, _ = memory.take(LENGTH, "float32"), memory.take(LENGTH, "float32")
        del _
        assert tracemalloc.get_traced_memory()[0] > 8 * LENGTH
        memory.clear()
        assert tracemalloc.get_traced_memory()[0] < 5 * LENGTH
        del used
        assert tracemalloc.get_traced_memory()[0] < LENGTH
    finally:
        tracemalloc.stop()
