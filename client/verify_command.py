"""What `client.py runs verify` does: computes a sample of a run's updates again, and says what that has shown."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass

from client.connecting import connected
from client.following import start_and_follow
from client.printing import print_json, print_lines
from client.report import make_report
from client.results import COMPLETED, FINAL_STATES, MEMO, failure_of, run_of
from rpc.errors import ExitCode
from rpc.messages import WorkDetail

_MISMATCH = "MISMATCH"  # how the reason begins for which a verification fails that has found a difference


def verify(args: argparse.Namespace) -> int:
    """Compute a sample of a run's updates again, and say whether they are the same; an interrupt ends it."""
    with connected(args) as session:
        run = session.run(args.run)
        verified, n_shards = run.detail(), len(run.spec().shards)
        with make_report(args.quiet) as report:
            check = start_and_follow(lambda: run.verify(args.sample, args.seed), session.link, report)
        found = Finding(verified, check.detail(), args.sample, 0 if run_of(verified).parent else n_shards)
    if args.json:
        print_json(found.as_json())
    if found.check.row.state != COMPLETED:
        raise failure_of(found.check.row)
    if not args.json:
        print_lines(found.lines())
    return ExitCode.DONE


@dataclass(frozen=True)
class Finding:
    """What a verification that has ended has shown.

    Attributes:
        verified: the run, as it was before.
        check: the verification.
        share: of the updates that were to be computed again.
        n_shards: that the verification surveyed, too: those of the run, but of a branch none.
    """

    verified: WorkDetail
    check: WorkDetail
    share: float
    n_shards: int

    @property
    def updates(self) -> int:
        """All updates of the run whose rounds were stored; of a branch, those after the round that it goes on from."""
        return self._own(self.verified)

    @property
    def compared(self) -> int:
        """Those of the rounds up to the last one of the sample."""
        return self._own(self.check)

    def _own(self, work: WorkDetail) -> int:
        first = run_of(self.verified).parent_round
        return sum(each.tasks for each in run_of(work).rounds if each.round > first)

    @property
    def known(self) -> int:
        """Tasks, surveys among them, that were known already."""
        return run_of(self.check).tasks_by_node.get(MEMO, 0)

    @property
    def checked(self) -> int:
        """Updates that were computed again, at the least: what was known already is counted with the surveys."""
        sampled = max(1, math.ceil(self.share * self.updates - 1e-9))
        return min(self.compared, max(sampled, self.compared - self.known))

    @property
    def is_exact(self) -> bool:
        """Whether no more than that were."""
        return self.checked == self.compared - max(0, self.known - self.n_shards)

    @property
    def rounds(self) -> int:
        """The last round that was looked at."""
        return len(run_of(self.check).rounds)

    def as_json(self) -> dict[str, object]:
        row = self.check.row
        same = True if row.state == COMPLETED else False if row.reason.startswith(_MISMATCH) else None
        return {
            "run": self.verified.row.id,
            "verification": row.id,
            "state": row.state,
            "same": same,
            "reason": row.reason,
            "rounds": self.rounds,
            "all_rounds": self.verified.row.rounds,
            "updates": self.compared,
            "checked": self.checked,
            "all_updates": self.updates,
            "known": self.known,
        }

    def lines(self) -> Iterator[str]:
        """Say what was found the same, and what nobody has looked at."""
        least, most = ("", "") if self.is_exact else ("at least ", "at most ")
        yield (
            f"{self.verified.row.id}: no difference; {least}{self.checked} of {self.updates} updates were computed"
            " again and are the recorded ones"
        )
        if rest := self.compared - self.checked:
            rounds = _rounds(1, self.rounds)
            yield f"not checked: {most}{rest} others of {rounds}, outside the sample and known already"
        if later := self.updates - self.compared:
            rounds = _rounds(self.rounds + 1, len(run_of(self.verified).rounds))
            yield f"not checked: {later} of {rounds}, behind the last one of the sample"
        if self.verified.row.state not in FINAL_STATES:
            yield f"not checked: what {self.verified.row.id} has done since, or is yet to do"


def _rounds(first: int, last: int) -> str:
    return f"round {first}" if first == last else f"rounds {first} to {last}"
