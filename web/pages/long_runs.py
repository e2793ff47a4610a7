"""Runs with all their rounds, of which there may be thousands: each is asked for once, whoever looks how often."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from client.results import run_of
from rpc.messages import RoundRow, WorkDetail
from web.pages.shared import FRESH_S, Shared

_MOST_RUNS = 64  # whose rounds are kept


class LongRuns:
    """What pages know of runs. Belongs to one event loop."""

    def __init__(self, shared: Shared, *, fresh_s: float = FRESH_S) -> None:
        self._shared = shared
        self._fresh_s = fresh_s
        self._rounds: dict[str, list[RoundRow]] = {}

    async def detail(self, run_id: str) -> WorkDetail:
        """Return all that is known of a run now; NotFound: there is none."""
        seen: WorkDetail = await self._shared.made(("run", run_id), partial(self._see, run_id), self._fresh_s)
        return seen

    async def _see(self, run_id: str) -> WorkDetail:
        known = self._rounds.get(run_id, [])
        after = known[-1].round if known else 0
        news: WorkDetail = await self._shared.door.call("get_work_since", run_id, after)
        if news.row.round < after:  # a coordinator that was killed may go on from an earlier round
            self._rounds.pop(run_id, None)
            return await self._see(run_id)
        rounds = [*known, *run_of(news).rounds]
        self._rounds.pop(run_id, None)
        self._rounds[run_id] = rounds
        while len(self._rounds) > _MOST_RUNS:
            del self._rounds[next(iter(self._rounds))]
        return replace(news, run=replace(run_of(news), rounds=tuple(rounds)))
