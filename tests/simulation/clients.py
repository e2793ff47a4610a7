"""The simulated clients: they hand runs in, cancel and watch them, and try again when the coordinator was away."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

from coordinator.core.events import CancelAsked, Event
from coordinator.core.model import Work, WorkState
from coordinator.views import shown_row
from rpc.errors import BadRequest
from tests.simulation.clock import Clock
from tests.simulation.coordinator import SimCoordinator
from tests.simulation.flaw import Flaw
from tests.simulation.schedule import RunPlan, Schedule
from tests.simulation.store import SimStore

_ASK_S = 2.0  # between looks at a run, on average


class Clients:
    """Nothing that one of them was told may become untrue.

    Attributes:
        acknowledged: runs whose submission was answered.
        ended: how the runs ended, as clients were told.
    """

    def __init__(self, schedule: Schedule, clock: Clock, store: SimStore, handle: Callable[[Event], None]) -> None:
        self.acknowledged: set[str] = set()
        self.ended: dict[str, WorkState] = {}
        self._handle = handle
        self._clock, self._store = clock, store
        self._rng = Random(f"{schedule.name}/clients")
        self._coordinator: SimCoordinator | None = None
        self._submitting: list[RunPlan] = []
        self._cancelling: list[str] = []
        self._heard: dict[str, int] = {}  # by run: the last event
        self._awaited = {plan.id for plan in schedule.runs}
        self._followers = list(schedule.followers)
        for plan in schedule.runs:
            clock.after(plan.submit_at, partial(self._submit, plan))
            if plan.cancel_at is not None:
                cancel_at = max(plan.cancel_at, plan.submit_at + 0.001)
                clock.after(cancel_at, partial(self._cancel, plan.id), is_background=True)
            clock.after(plan.submit_at, partial(self._look, plan.id), is_background=True)

    def lose_the_coordinator(self) -> None:
        self._coordinator = None

    def find_the_coordinator(self, coordinator: SimCoordinator) -> None:
        """Ask again for what was not answered, and hear of what ended just before."""
        self._coordinator = coordinator
        self.ended |= {run: rows.work.state for run, rows in self._store.rows.items() if rows.work.state.is_final}
        self._follow()
        for plan in list(self._submitting):
            if plan.id not in self.acknowledged:
                self._hand_in(coordinator, plan)
        for run in self._cancelling:
            self._cancel_at(run)

    def told(self, work: Work) -> None:
        """A run has ended, they are told."""
        if work.id in self.ended:
            raise Flaw(f"run {work.id} is said to be {work.state}, and was said to be {self.ended[work.id]}")
        if self._store.rows[work.id].work.state is not work.state:
            raise Flaw(f"run {work.id} is said to be {work.state}, and that is not committed")
        self.ended[work.id] = work.state
        self._follow()

    @property
    def are_done(self) -> bool:
        """Whether all that they wait for has ended."""
        return self._awaited <= self.ended.keys()

    def _follow(self) -> None:
        """Hand in what verifies a completed run, or goes on from it."""
        for plan in list(self._followers):
            leader = plan.spec.verifies or plan.spec.parent
            if leader in self.ended:
                self._followers.remove(plan)
            if self.ended.get(leader) is WorkState.COMPLETED:
                self._awaited.add(plan.id)
                self._clock.after(0.1, partial(self._submit, plan))
                self._clock.after(0.1, partial(self._look, plan.id), is_background=True)

    def _submit(self, plan: RunPlan) -> None:
        self._submitting.append(plan)
        if self._coordinator is not None:
            self._hand_in(self._coordinator, plan)

    def _hand_in(self, coordinator: SimCoordinator, plan: RunPlan) -> None:
        try:
            coordinator.submit(plan, self._clock.now, partial(self._acknowledge, plan.id))
        except BadRequest:
            if not self._store.blobs.damaged:
                raise
            self._submitting.remove(plan)  # what it would go on from is damaged: it was told so
            self._awaited.remove(plan.id)

    def _acknowledge(self, run: str) -> None:
        if run not in self._store.rows:
            raise Flaw(f"the submission of run {run} is answered, and a restart would not know it")
        self.acknowledged.add(run)

    def _cancel(self, run: str) -> None:
        self._cancelling.append(run)
        self._cancel_at(run)

    def _cancel_at(self, run: str) -> None:
        if self._coordinator is not None and run in self._coordinator.dispatcher.work and run not in self.ended:
            self._handle(CancelAsked(run, "asked"))

    def _look(self, run: str) -> None:
        """Whatever a run is shown to be is committed, and so is every event."""
        coordinator = self._coordinator
        if coordinator is not None and run in coordinator.dispatcher.work:
            work, rows = coordinator.dispatcher.work[run], self._store.rows[run]
            row = shown_row(coordinator.dispatcher, work, coordinator.clock)
            committed = rows.work.round if work.is_remembered else len(rows.rounds)  # the last may be cut short
            if row.round > committed:
                raise Flaw(f"run {run} is shown at round {row.round}, and {committed} rounds are committed")
            if WorkState(row.state).is_final and row.state != rows.work.state:
                raise Flaw(f"run {run} is shown as {row.state} and is {rows.work.state} in the store")
            for event in coordinator.journal.since(run, self._heard.get(run, 0)):
                if self._store.told.get(event.number) != event:
                    raise Flaw(f"event {event.number} ({event.kind}) is told and not committed")
                self._heard[run] = event.number
        if run not in self.ended:
            self._clock.after(self._rng.expovariate(1.0 / _ASK_S), partial(self._look, run), is_background=True)
