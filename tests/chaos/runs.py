"""The runs that are in flight while programs die: ten different ones, each followed to its end by a thread."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Thread
from types import MappingProxyType
from typing import Any

from client.api import Session
from client.link import Link
from client.runs import Run
from client.settings import make_spec
from client.upload import find_data
from rpc.errors import FailureKind, RunFailed, TrainerError
from rpc.messages import RunSpec
from tests.chaos.child import ROOT

LETTERS = ROOT / "letters"
_CALL_S = 30.0
_PATIENCE_S = 120.0  # with a coordinator that is away
_BEAR_ALL: Mapping[str, Any] = MappingProxyType({"max_node_losses": 1000, "max_attempts": 1000})


@dataclass(frozen=True)
class Plan:
    """A run: its settings, and `cancel_after_s` where somebody changes their mind."""

    name: str
    rounds: int
    epochs: int
    settings: Mapping[str, Any]
    cancel_after_s: float | None = None

    def spec(self, key: str) -> RunSpec:
        settings = {"tolerance": 0.0, **_BEAR_ALL, **self.settings, "key": key}
        return make_spec(LETTERS, rounds=self.rounds, epochs=self.epochs, hidden=24, eta=1e-4, **settings)


# Many short tasks and few long ones, and everything that must be there again after a restart: the state of server
# optimizers, statistics of the features, a choice of the shards, shares of the queue.
PLANS = (
    Plan("plain", 8, 80, {"seed": 1}),
    Plan("short tasks", 50, 8, {"seed": 2}),
    Plan("long tasks", 2, 400, {"seed": 3}),
    Plan("momentum of the server", 8, 60, {"seed": 4, "server_optimizer": "fedavgm"}),
    Plan("adam of the server", 8, 60, {"seed": 5, "server_optimizer": "fedadam"}),
    Plan("standardized", 8, 60, {"seed": 6, "standardize": True, "optimizer": "sgd"}),
    Plan("a share of the shards", 12, 60, {"seed": 7, "fraction": 0.5}),
    Plan("another owner", 8, 60, {"seed": 8, "owner": "ann", "priority": 1}),
    Plan("few nodes at once", 8, 60, {"seed": 9, "max_nodes": 3, "min_nodes": 2}),
    Plan("median", 6, 60, {"seed": 10, "aggregation": "median"}),
    Plan("cancelled", 2000, 50, {"seed": 11}, cancel_after_s=3.0),
)


@dataclass(frozen=True)
class Ended:
    """How a run ended: the hash of its model, or what is wrong."""

    plan: Plan
    run: str
    sha256: str
    flaw: str = ""


class Wave:
    """All plans in flight at once, each followed by a thread."""

    def __init__(self, server: tuple[str, int], name: str) -> None:
        self.name = name
        self.started_at = time.monotonic()
        self.seconds = 0.0  # how long it took, once it is over
        self.ended: list[Ended] = []
        for plan in PLANS:
            Thread(target=self._follow, args=(server, plan), daemon=True).start()

    @property
    def is_over(self) -> bool:
        return len(self.ended) == len(PLANS)

    @property
    def missing(self) -> list[str]:
        """The plans that have not ended."""
        there = {each.plan.name for each in self.ended}
        return [plan.name for plan in PLANS if plan.name not in there]

    def _follow(self, server: tuple[str, int], plan: Plan) -> None:
        ended = follow(server, plan, f"{self.name} {plan.name}")
        self.seconds = time.monotonic() - self.started_at
        self.ended.append(ended)


def follow(server: tuple[str, int], plan: Plan, key: str) -> Ended:
    """Submit a run and follow it to its end, through every absence of the coordinator."""
    run_id = ""
    try:
        with Session(Link(*server, timeout_s=_CALL_S, patience_s=_PATIENCE_S)) as session:
            spec = session.send_data(plan.spec(key), find_data(LETTERS))
            run = session.start(spec)
            run_id = run.id
            if plan.cancel_after_s is not None:
                return Ended(plan, run_id, "", _cancel(run, plan.cancel_after_s))
            result = run.wait()
            model = run.model()  # checks its bytes against the hash
            flaw = "" if len(result.rounds) == plan.rounds else f"{len(result.rounds)} rounds are told of"
            return Ended(plan, run_id, model.sha256, flaw)
    except TrainerError as error:
        return Ended(plan, run_id, "", f"{type(error).__name__}: {error}")


def _cancel(run: Run, after_s: float) -> str:
    """Follow a run for a while, cancel it, and see that it has ended so; return what is wrong."""
    try:
        run.wait(after_s)
        return "it was completed"
    except TrainerError:
        pass
    state = run.cancel("somebody changed their mind").state
    try:
        run.wait()
    except RunFailed as error:
        if error.failure is FailureKind.CANCELLED and state == "cancelled":
            return ""
    return f"it is {state} after it was cancelled"
