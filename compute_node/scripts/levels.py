"""Which sandbox a job runs in: never a weaker one, nor with fewer limits, than it or the node's owner asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from compute_node.scripts.box import LIMIT_NAMES, Level
from rpc.errors import BadRequest, RejectReason, TaskRejected


class Pull(StrEnum):
    """Which images a node fetches from registries when a job asks for them."""

    NEVER = "never"
    PINNED = "pinned"
    ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class LevelReport:
    """What a probe at the node's start has found out about a level.

    Attributes:
        enforced: limits that hold (fields of `Limits`).
        reason: why the level does not work here; "" if it does.
    """

    level: Level
    enforced: tuple[str, ...] = ()
    reason: str = ""

    @property
    def works(self) -> bool:
        return not self.reason

    def __str__(self) -> str:
        if self.reason:
            return f"{self.level}: not here ({self.reason})"
        missing = [name for name in LIMIT_NAMES if name not in self.enforced]
        return f"{self.level}: enforces {', '.join(self.enforced)}" + (f"; not {', '.join(missing)}" if missing else "")


@dataclass(frozen=True, slots=True)
class Sandboxes:
    """The levels of a node, and its owner's say on them.

    Attributes:
        image: that jobs run in which name none (`--docker-image`); it makes `docker` the default.
        allow_weak: `rlimits` may be used at all (`--allow-weak-sandbox`).
        pull: which images are fetched (`--docker-pull`).
    """

    reports: Mapping[Level, LevelReport] = field(default_factory=dict)
    image: str = ""
    allow_weak: bool = False
    pull: Pull = Pull.NEVER

    def choose(
        self, asked: Level | None, *, image: str = "", limits: Collection[str] = (), builds: bool = False
    ) -> Level:
        """The level for a job.

        Args:
            asked: the level that the job names, if it does.
            image: the image that it names.
            builds: its image is built of its bundle.
            limits: the limits that it names itself (fields of `Limits`); defaults bind as far as the level can.

        Raises:
            BadRequest: no node can meet this.
            TaskRejected: this node cannot, or may not.
        """
        if unknown := {*limits} - {*LIMIT_NAMES}:
            raise BadRequest(f"there is no limit {min(unknown)}; there are {', '.join(LIMIT_NAMES)}")
        if image and asked not in (None, Level.DOCKER):
            raise BadRequest(f"an image needs the sandbox docker, not {asked}; leave one of them out")
        level = asked or self._default(image)
        self._check(level)
        if level is Level.DOCKER and not builds:
            self.check_image(image)
        if missing := [name for name in limits if name not in self.reports[level].enforced]:
            text = f"this node's sandbox {level} does not enforce {', '.join(missing)}"
            raise TaskRejected(RejectReason.LABELS, text)
        return level

    def _default(self, image: str) -> Level:
        if image or self.image:
            return Level.DOCKER
        if self.allow_weak and not self._works(Level.BWRAP):
            return Level.RLIMITS
        return Level.BWRAP

    def _works(self, level: Level) -> bool:
        return level in self.reports and self.reports[level].works

    def _check(self, level: Level) -> None:
        if level is Level.RLIMITS and not self.allow_weak:
            text = "this node runs nothing in the weak sandbox rlimits (its owner would have to allow it)"
            raise TaskRejected(RejectReason.OPERATOR, text)
        if not self._works(level):
            reason = self.reports[level].reason if level in self.reports else "not tried"
            raise TaskRejected(RejectReason.LABELS, f"this node has no sandbox {level}: {reason}")

    def check_image(self, image: str) -> None:
        """Return if the node may use an image; raises TaskRejected."""
        if not image and not self.image:
            raise TaskRejected(RejectReason.LABELS, "this node has no image of its own, and the job names none")
        if image and image != self.image and self.pull is not Pull.ALLOW and not is_by_digest(image):
            text = f"image {image} may change under its name; name it by digest: NAME@sha256:..."
            raise TaskRejected(RejectReason.OPERATOR, text)


def is_by_digest(image: str) -> bool:
    """Whether a name means one image for ever."""
    digest = image.rpartition("@")[2].removeprefix("sha256:")
    return image.rpartition("@")[2].startswith("sha256:") and len(digest) == 64 and {*digest} <= {*"0123456789abcdef"}
