"""The simulator runs arrays: every member ends, and the array after them, once."""

from __future__ import annotations

from collections import Counter

from tests.simulation.array_simulation import ArraySimulation


def test_arrays_end_once_and_as_their_jobs_did_whatever_happens() -> None:
    outcomes = Counter[str]()
    for number in range(60):
        simulation = ArraySimulation(3, number)
        simulation.run()
        outcomes[str(simulation.state)] += 1
    assert set(outcomes) == {"completed", "failed", "cancelled"}
