"""Nodes that tests start and call."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from compute_node.config import NodeConfig
from tests.compute_node.running import HeldTrainer, RunningNode

StartNode = Callable[..., RunningNode]


@pytest.fixture
def trainer() -> Iterator[HeldTrainer]:
    trainer = HeldTrainer()
    yield trainer
    trainer.may_end.set()


@pytest.fixture
def start_node(trainer: HeldTrainer, caplog: pytest.LogCaptureFixture) -> Iterator[StartNode]:
    nodes: list[RunningNode] = []

    def start(**settings: float) -> RunningNode:
        nodes.append(RunningNode(NodeConfig(0, **settings), trainer))  # type: ignore[arg-type]
        return nodes[-1]

    yield start
    for node in nodes:
        node.close()
    failed = [record for record in caplog.get_records("call") if record.name.startswith("rpc.")]
    assert not failed, failed
