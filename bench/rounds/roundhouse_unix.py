"""Roundhouse with nodes on the coordinator's own host, where models and deltas take a Unix socket by themselves."""

from __future__ import annotations

from functools import partial

from bench.rounds.roundhouse import cluster as any_cluster

cluster = partial(any_cluster, way="unix")
