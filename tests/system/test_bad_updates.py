"""Updates that are finite, of the right shape and wrong: what a robust aggregation makes of them."""

from __future__ import annotations

from pathlib import Path

from tests.system.cluster import Cluster, Outcome
from tests.system.test_faults import MixedCluster, odd_node
from tests.system.test_same_bits import good

RUN = ("8", "3", "32", "0.05", "--optimizer", "sgd", "--batch-size", "32", "--standardize", "--json")
TRIMMED = ("--aggregation", "trimmed", "--trim", "2")
MEDIAN = ("--aggregation", "median")


def error_of(outcome: Outcome) -> float:
    return float(good(outcome).json["final_validation_error"])


def test_two_bad_updates_of_ten_cost_a_trimmed_mean_and_a_median_at_most_three_points(tmp_path: Path) -> None:
    with Cluster(tmp_path, nodes=2) as cluster:
        undisturbed = error_of(cluster.train(*RUN))
    nodes = [odd_node("flips") for _ in range(2)]
    with MixedCluster(tmp_path, nodes, [node.port for node in nodes]) as cluster:
        mean, trimmed, median = (error_of(cluster.train(*RUN, *how)) for how in ((), TRIMMED, MEDIAN))
    print(f"error {undisturbed:.3f}; with two bad updates: mean {mean:.3f}, trimmed {trimmed:.3f}, median {median:.3f}")
    assert mean > 0.9, "these updates do harm"
    assert trimmed <= undisturbed + 0.03
    assert median <= undisturbed + 0.03


def test_any_number_of_nodes_gives_the_same_trimmed_mean(tmp_path: Path) -> None:
    run = ("3", *RUN[1:], *TRIMMED, "--server-optimizer", "fedyogi", "--prox-mu", "0.1")
    with Cluster(tmp_path, nodes=1) as cluster:
        expected = good(cluster.train(*run)).json["model_sha256"]
    with Cluster(tmp_path, nodes=2, node_arguments=("0.5", "--delay", "0.05", "--slots", "2")) as cluster:
        assert good(cluster.train(*run)).json["model_sha256"] == expected
