"""The Python API."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from client.link import Link
from mlcore.mlp import n_weights
from roundhouse import Run, Session, connect
from rpc.blobs import blob_name
from rpc.errors import BadData, BadRequest, FailureKind, NotFound, RunFailed, StoreDown, TimedOut, Unreachable
from rpc.messages import News
from tests.client.fake import COMPLETED, DETAIL, LAYERS, RUN_ID, RUNNING, SHA256, WEIGHTS, Serving, story_of


@pytest.fixture
def session(coordinator: Serving) -> Iterator[Session]:
    with connect(coordinator.address) as session:
        yield session


def submit(session: Session, data: Path) -> Run:
    return session.submit(data, rounds=2, epochs=3, hidden=[4, 5], eta=0.5, optimizer="adam", seed=9)


def end_with(coordinator: Serving, state: str, reason: str, failure: FailureKind) -> None:
    row = replace(COMPLETED, state=state, reason=reason, failure=failure)
    coordinator.fake.story, coordinator.fake.row = [News(row, last=1)], row


def test_a_run_is_submitted_and_gives_its_result(coordinator: Serving, session: Session, data: Path) -> None:
    result = submit(session, data).wait()
    assert (result.validation_error, result.model_sha256, result.seconds) == (0.38154, SHA256, 2.5)
    assert [each.round for each in result.rounds] == [1, 2]
    spec = coordinator.fake.specs[0]
    assert (spec.hidden, spec.optimizer, spec.seed) == ((4, 5), "adam", 9)


def test_iterating_over_a_run_gives_its_news_to_the_end(session: Session, data: Path) -> None:
    states = [news.row.state for news in submit(session, data)]
    assert states == ["running", "completed", "completed"]


def test_the_model_is_numpy_arrays(session: Session) -> None:
    model = session.run(RUN_ID).model()
    assert (model.vector == WEIGHTS).all()
    assert model.widths == LAYERS
    assert [weights.shape for weights, _ in model.layers] == [(3, 2), (2, 3)]
    assert model.predict([[1.0, 2.0]]).tolist() == [1]


def test_a_standardized_run_gives_its_statistics_with_the_model(coordinator: Serving, session: Session) -> None:
    offset, scale = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    fake = coordinator.fake
    fake.detail = replace(fake.detail, offset=offset.tobytes(), scale=scale.tobytes())
    model = session.run(RUN_ID).model()
    assert model.offset is not None and (model.offset == offset).all()
    assert model.scale is not None and (model.scale == scale).all()


def test_statistics_of_many_features_are_those_of_the_run_whatever_is_received_after_them(
    coordinator: Serving, session: Session
) -> None:
    layers, fake = (5000, 3, 2), coordinator.fake
    offset, scale = np.arange(5000.0), np.arange(1.0, 5001.0)
    data = np.full(n_weights(layers), 0.5, "<f4").tobytes()  # comes into the memory where the detail was
    fake.blobs.put(blob_name(data), len(data), 0, data)
    fake.detail = replace(
        fake.detail, model=blob_name(data), layers=layers, offset=offset.tobytes(), scale=scale.tobytes()
    )
    model = session.run(RUN_ID).model()
    assert model.offset is not None and (model.offset == offset).all()
    assert model.scale is not None and (model.scale == scale).all()
    (listed,) = session.models()
    session.run(RUN_ID).model()
    assert listed.run == fake.detail


def test_a_damaged_model_is_never_returned(coordinator: Serving, session: Session) -> None:
    coordinator.fake.blobs.file(DETAIL.model).write_bytes(bytes(DETAIL.model_bytes))
    with pytest.raises(BadData, match=f"the model of {RUN_ID} is damaged, "):
        session.run(RUN_ID).model()


def test_a_run_that_goes_on_has_no_model_yet(coordinator: Serving, session: Session) -> None:
    coordinator.fake.row = RUNNING
    with pytest.raises(BadRequest, match=f"{RUN_ID} is running and has no model yet"):
        session.run(RUN_ID).model()


def test_a_failed_run_raises_its_reason_and_kind(coordinator: Serving, session: Session) -> None:
    end_with(coordinator, "failed", "training diverged", FailureKind.DIVERGED)
    with pytest.raises(RunFailed, match="training diverged") as caught:
        session.run(RUN_ID).wait()
    assert caught.value.failure is FailureKind.DIVERGED


def test_a_cancelled_run_says_by_whom(coordinator: Serving, session: Session) -> None:
    end_with(coordinator, "cancelled", "by the client", FailureKind.CANCELLED)
    with pytest.raises(RunFailed, match=f"{RUN_ID} was cancelled: by the client"):
        session.run(RUN_ID).wait()


def test_waiting_ends_when_its_time_is_over_and_the_run_goes_on(coordinator: Serving, session: Session) -> None:
    coordinator.fake.story = story_of(RUNNING, RUNNING, RUNNING)
    with pytest.raises(TimedOut, match=rf"{RUN_ID} has not ended within 0 s; it goes on"):
        session.run(RUN_ID).wait(timeout_s=0)
    assert coordinator.fake.cancelled == []


def test_a_run_can_be_cancelled(coordinator: Serving, session: Session) -> None:
    row = session.run(RUN_ID).cancel("enough")
    assert row.state == "cancelled"
    assert coordinator.fake.cancelled == [(RUN_ID, "enough")]


def test_an_unknown_run_is_not_found(session: Session) -> None:
    with pytest.raises(NotFound, match="no run is called 'r8'"):
        session.run("r8")


def test_runs_and_status_are_those_of_the_coordinator(session: Session) -> None:
    assert [row.id for row in session.runs()] == [RUN_ID]
    assert session.status().policy == "load-balancing"


def test_models_are_those_of_completed_runs(coordinator: Serving, session: Session) -> None:
    assert [each.row.id for each in session.models()] == [RUN_ID]
    coordinator.fake.row = RUNNING
    assert session.models() == ()


def test_a_senseless_setting_is_refused_before_anything_is_sent(
    coordinator: Serving, session: Session, data: Path
) -> None:
    with pytest.raises(BadRequest, match="eta must be a finite number above 0"):
        session.submit(data, rounds=1, epochs=1, hidden=3, eta=0.0)
    assert coordinator.fake.parts == []


def test_following_a_run_outlives_a_restart_of_the_coordinator(coordinator: Serving, session: Session) -> None:
    coordinator.fake.story = story_of(RUNNING)
    seen: list[str] = []
    follower = Thread(target=lambda: seen.extend(news.row.state for news in session.run(RUN_ID)))
    follower.start()
    assert coordinator.fake.watched.get(timeout=10) == 0
    assert coordinator.fake.watched.get(timeout=10) == 1
    coordinator.fake.story = story_of(RUNNING, COMPLETED)
    coordinator.drop_everybody()
    follower.join(30)
    assert seen == ["running", "completed", "completed"]


def test_a_run_that_has_ended_tells_all_its_events_however_many_answers_they_take(
    coordinator: Serving, session: Session
) -> None:
    coordinator.fake.story = story_of(COMPLETED, COMPLETED, COMPLETED)
    events = [event.number for news in session.run(RUN_ID).follow(timeout_s=0) for event in news.events]
    assert events == [1, 2, 3]


def test_a_run_that_a_restart_made_the_coordinator_forget_has_failed(coordinator: Serving, session: Session) -> None:
    coordinator.fake.story = story_of(RUNNING)
    news = session.run(RUN_ID).follow()
    assert next(news).row.state == "running"
    coordinator.fake.forgotten = True
    with pytest.raises(RunFailed) as caught:
        next(news)
    where = f"the coordinator at {coordinator.address}"
    assert str(caught.value) == f"{where} was restarted and does not know {RUN_ID} any more; start it again"


def test_following_a_run_outlives_an_outage_of_the_store(coordinator: Serving, session: Session) -> None:
    coordinator.fake.outages += [StoreDown("locked"), StoreDown("locked")]
    assert [news.row.state for news in session.run(RUN_ID)] == ["running", "completed", "completed"]
    assert not coordinator.fake.outages


def test_patience_with_an_absent_store_ends_with_what_is_the_matter_with_it(coordinator: Serving) -> None:
    coordinator.fake.outages.append(StoreDown("store s: locked"))
    link = Link("127.0.0.1", coordinator.port, timeout_s=5, patience_s=0.05)
    with closing(link), pytest.raises(StoreDown, match=r"^store s: locked$"):
        Session(link).events()


def test_a_submission_whose_answer_is_lost_is_made_again_as_the_same_one(coordinator: Serving, data: Path) -> None:
    coordinator.fake.lost_answers = 1
    with connect(coordinator.address, timeout_s=0.5) as session:
        assert submit(session, data).id == RUN_ID
        first, again = coordinator.fake.specs
        assert first == again and first.key
        submit(session, data)
    assert coordinator.fake.specs[-1].key not in ("", first.key)


def test_a_verification_is_asked_for_again_as_the_same_one_after_an_outage(
    coordinator: Serving, session: Session
) -> None:
    coordinator.fake.outages.append(StoreDown("store s: locked"))
    run = session.run(RUN_ID)
    assert run.verify().id == RUN_ID
    first, again = coordinator.fake.keys
    assert first == again and first
    run.verify()
    assert coordinator.fake.keys[-1] not in (None, first)


def test_a_key_that_nobody_has_given_is_not_shown(coordinator: Serving, session: Session, data: Path) -> None:
    run = submit(session, data)
    (coordinator.fake.spec,) = coordinator.fake.specs
    assert run.spec() == replace(coordinator.fake.spec, key="")


def test_patience_with_an_absent_coordinator_ends(coordinator: Serving) -> None:
    link = Link("127.0.0.1", coordinator.port, timeout_s=5, patience_s=0.05)
    link.open()
    coordinator.stop()
    with pytest.raises(Unreachable, match=r"has been away for 0.05 s"):
        Run(link, RUN_ID).detail()


def test_nobody_there_is_said_at_once(coordinator: Serving) -> None:
    coordinator.stop()
    with pytest.raises(Unreachable, match=r"nobody serves at .*; start the coordinator there with"):
        connect(coordinator.address)
