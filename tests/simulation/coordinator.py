"""One start of the coordinator: what it is made of as shipped, put together as the runtime does it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import cast

from coordinator.branching import branch
from coordinator.core.dispatcher import Dispatcher
from coordinator.core.events import Event, Note, StoreChanged, Submitted
from coordinator.core.model import Work, WorkState
from coordinator.core.policies import POLICIES
from coordinator.core.saved import NO_PAST, Past, SavedRun
from coordinator.core.settings import Settings
from coordinator.core.training import TrainingRun
from coordinator.journal import Journal
from coordinator.recorder import Recorder
from coordinator.remembering import Remembering, first_fence, tells_end
from coordinator.store.changes import Change
from coordinator.store.reading import Reader
from coordinator.store.store import Store
from coordinator.vectors import RunVectors
from coordinator.verification import verification
from mlcore.averaging import ServerOptimizer
from rpc.aside import Aside
from rpc.blobs import BlobFolder
from rpc.loop import Loop
from rpc.messages import EventRow, RunSpec
from tests.simulation.clock import Clock
from tests.simulation.flaw import Flaw
from tests.simulation.reader import SimReader
from tests.simulation.schedule import CrashAt, RunPlan, Schedule
from tests.simulation.store import SimStore
from tests.simulation.turns import SimAside, SimLoop, wall_clock
from tests.simulation.vectors import Vectors, as_array


class SimCoordinator:
    """Dispatcher, journal and what is remembered; `handle` is where its own events go.

    Attributes:
        told: called with a work whose end is committed.
        memo: updates that are known: they are not computed again.
    """

    def __init__(
        self,
        schedule: Schedule,
        clock: Clock,
        store: SimStore,
        *,
        number: int,
        handle: Callable[[Event], None],
        may_go_on: Callable[[CrashAt], bool],
        told: Callable[[Work], None],
    ) -> None:
        self._plans: Mapping[str, RunPlan] = {run.id: run for run in schedule.all_runs}
        self._store, self._handle, self._told = store, handle, told
        self.number = number
        self.memo: set[int] = set()
        self.clock = wall_clock(clock)
        self.loop = SimLoop(clock)
        self.store_fault = ""
        name = f"{schedule.name}/dispatcher" + (f"/{number}" if number else "")
        settings = Settings(last_fence=first_fence(self.clock.now_ms()))
        self.dispatcher = Dispatcher(POLICIES[schedule.policy](), Random(name), settings)
        self.vectors = Vectors(store.blobs)
        store.opened()
        loop = cast(Loop, self.loop)
        self.journal = Journal(loop, store.last_event())
        self._recorder = Recorder(
            loop,
            cast(Store, store),
            cast(BlobFolder, store.blobs),
            on_commit=self._committed,
            on_fault=self._fault,
            on_end=_ended_by,
            thread=cast(Aside, SimAside(self.loop, Random(f"{schedule.name}/store/{number}"), may_go_on)),
        )
        self._memory = Remembering(self._recorder, self.dispatcher, self.clock, lambda work_id: (0, 0))

    def resume(self) -> list[Submitted]:
        """What was under way."""
        found = [submitted for submitted, _ in self._memory.open_runs(cast(Reader, SimReader(self._store)))]
        for each in found:
            self.journal.take_up(each.workload.id)
            self.vectors.open(self._plans[each.workload.id])
        return found

    def submit(self, plan: RunPlan, now: float, acknowledged: Callable[[], None]) -> None:
        """Take a run that a client hands in, once it cannot be lost."""
        if (plan.spec.owner, plan.spec.key) in self.dispatcher.by_key:
            acknowledged()
            return
        spec, start = self._beginning(plan.spec)
        run = TrainingRun(plan.id, spec, now, start)
        recorded = run.saved.recorded
        past = NO_PAST if recorded is None else Past(classes=(recorded.numeric_class,))

        def begin(is_late: bool) -> None:
            if not is_late:
                self.vectors.open(plan)
                self._handle(Submitted(run, past=past))
            acknowledged()

        self._memory.submitted(run, self.clock.now_ms(), begin)

    def _beginning(self, spec: RunSpec) -> tuple[RunSpec, SavedRun]:
        reader = cast(Reader, SimReader(self._store))
        if spec.parent:
            return branch(spec, reader, cast(BlobFolder, self._store.blobs))
        if spec.verifies:
            return verification(spec.verifies, spec.sample, spec.sample_seed, reader, key=spec.key)
        return spec, SavedRun()

    def surveyed(self, run: str) -> None:
        self._memory.surveyed(self.run(run))

    def went_back(self, run: str) -> None:
        self._memory.went_back(self.run(run))

    def keep(self, run: str, number: int, done: Callable[[], None]) -> None:
        """Remember a round."""
        vectors = RunVectors(run, ServerOptimizer("fedavg", 0.0))
        vectors.models[number] = as_array(self.vectors.model(run, number))
        state = self.vectors.state(run, number)
        if state is not None:
            vectors.states[number] = as_array(state)
        self._memory.round_done(self.dispatcher.work[run], number, vectors, done)

    def note(self, note: Note) -> None:
        """Write down what happened, and the beginning and the end of a work."""
        self._recorder.add(self.journal.append(note, self.clock.now_ms()))
        work = self.dispatcher.work.get(note.work_id)
        if work is not None and tells_end(note, work):
            self._memory.ended(work, lambda: self._tell(work))
        elif work is not None and note.kind == WorkState.RUNNING.value:
            self._memory.stands(work, WorkState.RUNNING)

    def run(self, work_id: str) -> TrainingRun:
        run = self.dispatcher.work[work_id].workload
        assert isinstance(run, TrainingRun)
        return run

    def _tell(self, work: Work) -> None:
        work.is_remembered = True
        self._told(work)

    def _committed(self, changes: Sequence[Change]) -> None:
        number = next((change.number for change in reversed(changes) if isinstance(change, EventRow)), None)
        if number is not None:
            self.journal.committed(number)

    def _fault(self, reason: str) -> None:
        self.store_fault = reason
        self._handle(StoreChanged(reason))


def _ended_by(error: Exception) -> None:
    raise error if isinstance(error, Flaw) else Flaw(f"the coordinator ends: {error!r}")
