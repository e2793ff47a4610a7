"""What Prometheus is told: the state of the coordinator as it is asked for, and how long our answers took."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rpc.errors import Forbidden, TrainerError
from rpc.messages import Overview
from web.door import Door
from web.event_stream import Streams
from web.rest.door import ItsDoor

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_NODE_STATES = ("connecting", "ready", "draining", "drained", "leaving", "quarantined", "lost", "removed")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_API = "/api/v1"
_STREAMS = "/stream"  # how the paths end of what has no end
_METHODS = ("GET", "HEAD", "POST", "PATCH", "DELETE")

router = APIRouter(tags=["overview"])


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(request: Request, door: ItsDoor) -> Response:
    """Gauges and counters in the text format of Prometheus."""
    watch: Watch = request.app.state.watch
    families = [*await _of_coordinator(door), *_of_streams(request.app.state.streams)]
    text = generate_latest(_Once(families)) + generate_latest(watch.registry)
    return Response(text, media_type=CONTENT_TYPE)


class Watch:
    """Measures how long answers take, by what was asked for; streams, which have no end, are left out."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, files, processor of this process
        self.seconds = Histogram(
            "roundhouse_http_request_duration_seconds",
            "Time from the request to the end of the answer.",
            ("method", "route", "status"),
            buckets=_SECONDS,
            registry=self.registry,
        )


class Timing:
    """Tells the watch of every request."""

    def __init__(self, app: ASGIApp, watch: Watch) -> None:
        self._app = app
        self._watch = watch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = _route_of(scope)
            if not route.endswith(_STREAMS):
                method = scope["method"] if scope["method"] in _METHODS else "other"
                spent = time.perf_counter() - began
                self._watch.seconds.labels(method, route, f"{status // 100}xx").observe(spent)


class _Once(CollectorRegistry):
    """What was just found out, to be written."""

    def __init__(self, families: Iterable[Metric]) -> None:
        super().__init__()
        self._families = tuple(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families


def _route_of(scope: Scope) -> str:
    """The pattern of the path, as paths are without number."""
    path = str(getattr(scope.get("route"), "path", ""))
    if not path:
        return "other"
    return path if path.startswith(_API) or not scope["path"].startswith(_API) else _API + path


async def _of_coordinator(door: Door) -> list[Metric]:
    up = GaugeMetricFamily("roundhouse_coordinator_up", "Whether the coordinator can be asked.")
    try:
        now: Overview = await door.call("glance", 0)
    except Forbidden:
        raise
    except TrainerError:
        up.add_metric([], 0)
        return [up]
    up.add_metric([], 1)
    return [up, *_of_work(now), *_of_nodes(now), *_of_traffic(now)]


def _of_work(now: Overview) -> Iterator[Metric]:
    yield _gauge("roundhouse_uptime_seconds", "How long the coordinator has been up.", now.uptime_s)
    work = GaugeMetricFamily("roundhouse_work", "Runs and jobs that have not ended, by state.", labels=["state"])
    work.add_metric(["pending"], now.pending)
    work.add_metric(["running"], now.running)
    yield work
    ended = CounterMetricFamily(
        "roundhouse_work_ended", "Runs and jobs that have ended since the coordinator's start.", labels=["state"]
    )
    for state in ("completed", "failed", "cancelled"):
        ended.add_metric([state], now.ended.get(state, 0))
    yield ended
    yield _gauge("roundhouse_store_up", "Whether the coordinator can remember.", float(not now.store_fault))


def _of_nodes(now: Overview) -> Iterator[Metric]:
    states = Counter(row.state for row in now.nodes)
    nodes = GaugeMetricFamily("roundhouse_nodes", "Compute nodes by state.", labels=["state"])
    for state in _NODE_STATES:
        nodes.add_metric([state], states[state])
    yield nodes
    here = [row for row in now.nodes if row.state not in ("lost", "removed", "connecting")]
    yield _gauge("roundhouse_slots", "Slots of the nodes that are here.", sum(row.slots for row in here))
    yield _gauge("roundhouse_slots_busy", "Those of them at work.", sum(row.running for row in here))
    tasks = CounterMetricFamily("roundhouse_tasks", "Attempts of tasks, by how they ended.", labels=["outcome"])
    for outcome in ("done", "rejected", "failed"):
        tasks.add_metric([outcome], sum(getattr(row, outcome) for row in now.nodes))
    yield tasks


def _of_traffic(now: Overview) -> Iterator[Metric]:
    rounds = CounterMetricFamily("roundhouse_rounds", "Rounds averaged since the coordinator's start.")
    rounds.add_metric([], now.rounds)
    yield rounds
    traffic = CounterMetricFamily("roundhouse_traffic_bytes", "Bytes between coordinator and nodes.", labels=["to"])
    traffic.add_metric(["nodes"], now.bytes_sent)
    traffic.add_metric(["coordinator"], now.bytes_received)
    yield traffic


def _of_streams(streams: Streams) -> Iterator[Metric]:
    yield _gauge("roundhouse_http_streams", "Server-sent streams that are open.", streams.n_open)


def _gauge(name: str, about: str, value: float) -> Metric:
    family = GaugeMetricFamily(name, about)
    family.add_metric([], value)
    return family
